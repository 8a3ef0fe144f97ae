"""The folder of a board, replaced as a whole: whoever looks finds the old board or the new one, never a mixture."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import leaderboard
from leaderboard.files import file_sha256, read_model, write_json
from leaderboard.schema import Sha256, Stored, json_hash
from leaderboard.site.page import Page
from recsim_envs.errors import ConfigurationError, WorldError
from recsim_envs.worlds.storage import atomic_folder

MANIFEST: Final = "manifest.json"
_OLD: Final = frozenset({"index.html", "LEADERBOARD.md", "leaderboard.csv", "leaderboard.json", "leaderboard.svg"})
"""What a board was before it had a manifest."""
_TEMPLATES: Final = {".py", ".j2", ".css", ".js", ".json"}


class File(Stored):
    """One file: the hash of all that it was made from, and that of its bytes."""

    inputs: Sha256
    sha256: Sha256


class Manifest(Stored):
    """`manifest.json`: every other file of the board, by its path, with forward slashes."""

    files: dict[str, File]


def publish(pages: Iterable[Page], out: Path) -> int:
    """Make `out` the folder of these pages and of nothing else; returns how many of them had to be rendered.

    A page that is there, unchanged, and made from the same inputs by the same code is kept. Raises
    `ConfigurationError` where `out` cannot be written, or holds what is not of a board: that is not thrown away.
    """
    out = out.resolve()
    before, files, rendered = _check(out), dict[str, File](), 0
    try:
        with atomic_folder(out) as scratch:
            for page in pages:
                path, inputs = scratch / page.name, json_hash([page.name, page.inputs, _code()])
                path.parent.mkdir(parents=True, exist_ok=True)
                known = before.files.get(page.name)
                if known is None or known.inputs != inputs or not _kept(out / page.name, path, known.sha256):
                    known = File(inputs=inputs, sha256=_write(path, page.render()))
                    rendered += 1
                files[page.name] = known
            write_json(scratch / MANIFEST, Manifest(files=dict(sorted(files.items()))))
    except WorldError as error:  # it speaks of folders, whatever they hold
        raise ConfigurationError(str(error)) from error
    return rendered


def _check(out: Path) -> Manifest:
    """What the board at `out` is made of; empty where there is none."""
    if out in (here := Path.cwd(), *here.parents):
        raise ConfigurationError(f"{out} is the folder you are in, or holds it; choose a new --out")
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out} is a file; choose a folder for --out")
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir() or path.is_symlink()}
    manifest = Manifest(files={})
    if MANIFEST in there:
        manifest = read_model(out / MANIFEST, Manifest, ConfigurationError)
    ours = {MANIFEST, *manifest.files} if manifest.files else _OLD
    if strange := sorted(there - ours):
        raise ConfigurationError(
            f"{out} holds {strange[0]!r}, which is no file of a board, and building would remove it; move it away or "
            "choose another --out"
        )
    return manifest


def _kept(old: Path, new: Path, sha256: str) -> bool:
    """Whether a file is as it was made; if so, it is put in its new place."""
    try:
        if old.is_symlink() or file_sha256(old) != sha256:
            return False
        os.link(old, new)
    except FileNotFoundError:
        return False
    except OSError:  # a file system without hard links
        shutil.copyfile(old, new)
    return True


def _write(path: Path, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


@cache
def _code() -> str:
    """SHA-256 over whatever turns a board into files: this package with its templates, and the template engine."""
    digest, root = hashlib.sha256(version("jinja2").encode()), Path(leaderboard.__file__ or "").parent
    for path in sorted(p for p in root.rglob("*") if p.suffix in _TEMPLATES and "submissions" not in p.parts):
        digest.update(f"{path.relative_to(root).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()
