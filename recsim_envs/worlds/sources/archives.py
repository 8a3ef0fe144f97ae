"""Takes the members that are read out of a zip or tar.gz, and nothing that an archive should not hold."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from recsim_envs.errors import LogError
from recsim_envs.worlds.sources.source import Progress, RawFile

_BLOCK: Final = 1 << 20
_SLACK: Final = 3  # publishers add a column or a month now and then; a bomb is a thousand times too large
_DAMAGED: Final = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, NotImplementedError,
)  # fmt: skip


@contextmanager
def members(file: RawFile, folder: Path, progress: Progress) -> Iterator[dict[str, Path]]:
    """Paths of an archive's wanted members, by the last part of their names, for as long as the block runs.

    If the archive is not in the folder but the members are, unpacked as they were or side by side, these are taken.
    Otherwise they are unpacked into a temporary folder. Raises `LogError`, with archive and member, for an archive
    that cannot be read, that lacks a member or has it twice, that is far larger than it should be, and for a member
    that is encrypted, is a link or a device, or whose path leads out of the archive's folder.
    """
    archive = folder / file.name
    if not archive.exists():
        yield {PurePosixPath(member).name: path for member, path in lying_unpacked(file, folder).items()}
        return
    with tempfile.TemporaryDirectory(prefix="longrec-") as scratch:
        try:
            if file.name.endswith(".zip"):
                _unzip(archive, file, Path(scratch), progress)
            else:
                _untar(archive, file, Path(scratch), progress)
        except _DAMAGED as error:
            raise LogError(
                f"{archive} is truncated or damaged ({str(error) or type(error).__name__}); delete it and fetch it anew"
            ) from error
        except OSError as error:
            raise LogError(
                f"{archive} cannot be unpacked in {scratch}: {error.strerror or error}; set TMPDIR to a folder with "
                f"{file.unpacked / 2**30:.1f} GiB of space"
            ) from error
        try:
            yield {path.name: path for path in Path(scratch).iterdir()}
        except LogError as error:  # about a member, which nobody finds under its temporary path
            raise LogError(str(error).replace(f"{scratch}/", f"{archive}: ")) from error


def lying_unpacked(file: RawFile, folder: Path) -> dict[str, Path]:
    """Where the members of an archive lie unpacked: in a folder, or in one of its own that holds all of them.

    They lie there under their paths, or all side by side.
    """
    within = sorted(path for path in folder.glob("*") if path.is_dir())
    tried = (_lying_in(base, file) for base in (folder, *within))
    return next((found for found in tried if len(found) == len(file.members)), {})


def _lying_in(folder: Path, file: RawFile) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for member in file.members:
        tried = (folder / member, folder / PurePosixPath(member).name)
        there = next((path for path in tried if path.is_file()), None)
        if there is not None:
            found[member] = there
    return found


def _unzip(archive: Path, file: RawFile, scratch: Path, progress: Progress) -> None:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        for info in infos:
            _check_path(archive, info.filename)
            if (info.external_attr >> 28) == 0xA:  # the file type of Unix's mode: a symbolic link
                raise _unsafe(archive, info.filename, "is a link")
        chosen = _choose(archive, file, [info.filename for info in infos])
        wanted = [(info, chosen[info.filename]) for info in infos if info.filename in chosen]
        _check_size(archive, file, sum(info.file_size for info, _ in wanted))
        for info, name in wanted:
            if info.flag_bits & 0x1:
                raise _unsafe(archive, info.filename, "is encrypted")
            with opened.open(info) as source:
                _copy(source, scratch / name, info.file_size, progress)


def _untar(archive: Path, file: RawFile, scratch: Path, progress: Progress) -> None:
    unpacked, met = 0, []
    with gzip.open(archive) as packed, tarfile.open(fileobj=packed, mode="r:") as opened:
        for info in opened:
            _check_path(archive, info.name)
            if not (info.isfile() or info.isdir()):
                raise _unsafe(archive, info.name, "is a link or a device")
            if not (info.isfile() and _ends(info.name, file.members)):
                continue
            met.append(info.name)
            unpacked += info.size
            _check_size(archive, file, unpacked)
            source = opened.extractfile(info)
            assert source is not None  # it is a regular file
            with source:
                _copy(source, scratch / PurePosixPath(info.name).name, info.size, progress)
        while packed.read(_BLOCK):  # tarfile takes a cut for the end; gzip knows better
            pass
    _choose(archive, file, met)


def _choose(archive: Path, file: RawFile, names: Sequence[str]) -> dict[str, str]:
    """The last part of each wanted member's name, by the whole name."""
    chosen = {}
    for member in file.members:
        fitting = [name for name in names if _ends(name, (member,))]
        if len(fitting) != 1:
            problem = "is not in it" if not fitting else f"is in it {len(fitting)} times"
            raise LogError(f"{archive}: {member} {problem}; is it the archive of {file.url}?")
        chosen[fitting[0]] = PurePosixPath(member).name
    return chosen


def _ends(name: str, wanted: Sequence[str]) -> bool:
    return any(f"/{name}".endswith(f"/{member}") for member in wanted)


def _check_path(archive: Path, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or ":" in parts[0]:
        raise _unsafe(archive, name, "leads out of the archive's folder")


def _check_size(archive: Path, file: RawFile, unpacked: int) -> None:
    if unpacked > _SLACK * file.unpacked:
        raise LogError(
            f"{archive} would fill {unpacked:,} bytes where about {file.unpacked:,} are expected; it is not unpacked. "
            f"Is it the archive of {file.url}?"
        )


def _unsafe(archive: Path, name: str, problem: str) -> LogError:
    return LogError(f"{archive}: member {name!r} {problem}, so nothing is taken from it; fetch it from its publisher")


def _copy(source: IO[bytes], target: Path, size: int, progress: Progress) -> None:
    stage, done = f"unpack {target.name}", 0
    with target.open("wb") as sink:
        while block := source.read(_BLOCK):
            sink.write(block)
            done += len(block)
            progress(stage, done, size)
