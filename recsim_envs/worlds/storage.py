"""How a world lies on disk: `world.json` beside plain `.npy` arrays, hashed, memory-mapped, never pickled."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import WorldError

Arrays = dict[str, NDArray[Any]]


def check_target(target: Path) -> None:
    """Raise `WorldError` unless a world may be written to `target`: it is new, empty or a world, and in reach."""
    if "\0" in str(target):
        raise WorldError(f"{str(target)!r} is no path; choose another folder")
    try:
        linked = target.is_symlink()
        around = target.resolve() in (here := Path.cwd(), *here.parents)
        taken = target.is_file() or (target.is_dir() and any(target.iterdir()))
    except OSError as error:
        raise WorldError(f"cannot read {target}: {error.strerror}; choose another folder") from error
    if linked:
        raise WorldError(f"{target} is a symbolic link, so it is not replaced; pass the folder it stands for")
    if around:
        raise WorldError(f"{target} is the folder you are in, or holds it, so it is not replaced; choose a new folder")
    if taken and not (target / "world.json").exists():
        raise WorldError(f"{target} exists and is no world, so it is not replaced; choose a new folder")
    nearest = next(parent for parent in target.absolute().parents if parent.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise WorldError(f"cannot write to {nearest}; choose another folder")


@contextmanager
def atomic_folder(target: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """A scratch folder that becomes `target` when the block succeeds and vanishes when it does not.

    An existing `target` is replaced, never merged; without `overwrite` it stays and the scratch folder vanishes, so
    that of several processes making the same folder the first wins. Raises `WorldError` where writing fails.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise WorldError(f"cannot write to {target.parent}: {error.strerror}; choose another folder") from error
    try:
        yield scratch
        scratch.chmod(0o755)  # mkdtemp makes folders private; a world is meant to be shared
        with _aside(target) if overwrite else nullcontext():
            try:
                scratch.replace(target)
            except OSError:
                if not target.exists():
                    raise
    except OSError as error:
        raise WorldError(
            f"cannot write {target}: {error.strerror}; free some space or choose another folder"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder, if it is there, in one step as others see it. Open memory maps of its files stay valid."""
    with _aside(folder):
        pass


@contextmanager
def _aside(folder: Path) -> Iterator[None]:
    """A folder, if it is there, is out of the way in the block and gone after it; it is back where the block fails."""
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    kept = aside / "world"
    try:
        with suppress(FileNotFoundError):
            folder.replace(kept)
        try:
            yield
        except BaseException:
            if kept.exists() and not folder.exists():
                kept.replace(folder)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 over the bytes of one array in C order, little-endian."""
    contiguous = np.ascontiguousarray(array)
    if contiguous.dtype.byteorder == ">":
        contiguous = contiguous.astype(contiguous.dtype.newbyteorder("<"))
    return hashlib.sha256(contiguous.reshape(-1).view(np.uint8).data).hexdigest()


def manifest(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """For each array its dtype, shape and digest, as `world.json` records them."""
    return {
        name: {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": array_digest(array)}
        for name, array in sorted(arrays.items())
    }


def content_hash(*parts: Any) -> str:
    """SHA-256 of the canonical JSON of `parts`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_array(path: Path, expected: Mapping[str, Any], *, verify: bool) -> NDArray[Any]:
    """Memory-map one array of a world and hold it against its entry in `world.json`."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise WorldError(f"{path} is missing; rebuild the world or copy the whole folder again") from None
    except (ValueError, OSError, EOFError, OverflowError) as error:
        raise WorldError(f"{path} is truncated or no .npy array ({error}); copy the folder again") from error
    found = (array.dtype.str, list(array.shape))
    if found != (expected["dtype"], expected["shape"]):
        raise WorldError(
            f"{path}: world.json promises {expected['dtype']} {expected['shape']}, the file holds "
            f"{found[0]} {found[1]}; rebuild the world"
        )
    if verify and array_digest(array) != expected["sha256"]:
        raise WorldError(f"{path}: content differs from its hash in world.json; copy the folder again or rebuild it")
    return array


class StringColumn(Sequence[str]):
    """A sequence of strings in two arrays (UTF-8 bytes, int64 offsets), so that ten million titles stay on disk."""

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.data, self.offsets = data, offsets

    @classmethod
    def of(cls, strings: list[str]) -> StringColumn:
        """Pack a list of strings."""
        encoded = [s.encode() for s in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(e) for e in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def is_text(self) -> bool:
        """Whether every string is UTF-8, as `of` packs them; a folder from elsewhere may hold anything."""
        starts = self.offsets[:-1][self.offsets[:-1] < len(self.data)]
        if np.any(self.data[starts] & 0xC0 == 0x80):  # in the middle of a character
            return False
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for first in range(0, len(self.data), 1 << 24):
                decoder.decode(self.data[first : first + (1 << 24)].tobytes())
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        return True

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))
