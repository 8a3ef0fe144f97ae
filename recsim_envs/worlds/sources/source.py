"""`Source`: what is known about a public data set: where it lies, what may be done with it, and who reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recsim_envs.worlds.logs.log import Log

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much (bytes; 0 where that is unknown)."""
Reader = Callable[[Path, Progress], "Log"]


def silent(stage: str, done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


@dataclass(frozen=True)
class Licence:
    """Under which terms a data set is given out: a short name, the terms in our own words, and where they stand."""

    name: str
    terms: str
    url: str

    @property
    def digest(self) -> str:
        """SHA-256 of the whole text, in hexadecimal: who accepted another text has not accepted this one."""
        return hashlib.sha256("\n".join((self.name, self.terms, self.url)).encode()).hexdigest()


@dataclass(frozen=True)
class RawFile:
    """A file as its publisher gives it out.

    url: where it lies; of a file that must be asked for, the page to ask on.
    checksum: "md5:..." or "sha256:..." as the publisher states it; None where none is stated.
    size: its bytes, 0 where unknown. members: what is read of an archive, each as the end of its path in it.
    unpacked: about how many bytes these take once unpacked.
    """

    url: str
    name: str
    checksum: str | None = None
    size: int = 0
    members: tuple[str, ...] = ()
    unpacked: int = 0


@dataclass(frozen=True)
class Source:
    """A public data set.

    value: what is taken as the value of an interaction, and why. manual: its files must be asked for, so they cannot
    be downloaded. read: "module:function" of a `Reader`, imported when it is needed.
    """

    name: str
    title: str
    homepage: str
    licence: Licence
    citation: str
    domain: str
    value: str
    files: tuple[RawFile, ...]
    read: str
    manual: bool = False

    @property
    def size(self) -> int:
        """Bytes of all its files, as far as they are known."""
        return sum(file.size for file in self.files)

    @property
    def env_id(self) -> str:
        """An environment id to propose for a world of it: mine/ML1M-v0 for ml-1m."""
        parts = self.name.split("-")
        short = "".join(part.upper() if len(part) <= 2 or part[0].isdigit() else part.capitalize() for part in parts)
        return f"mine/{short}-v0"

    def reader(self) -> Reader:
        """The function that `read` names."""
        module, _, function = self.read.partition(":")
        found: Reader = getattr(import_module(module), function)
        return found
