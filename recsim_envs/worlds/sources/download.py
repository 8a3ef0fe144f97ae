"""Downloads that survive cut lines, killed processes and busy servers, checked by pooch before they count."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.locks import locked
from recsim_envs.worlds.sources.partial import PartialFile
from recsim_envs.worlds.sources.records import add_to_record, read_record
from recsim_envs.worlds.sources.source import Progress, RawFile

if TYPE_CHECKING:
    from requests import Response

CHECKSUMS: Final = "checksums.json"
_BLOCK: Final = 1 << 18
_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
_REASONS: Final = {
    401: "wants a login",
    403: "refuses to give it out",
    404: "does not have it (any more)",
    410: "does not have it any more",
    451: "may not give it out where you are",
}


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, in seconds, and how often to try again.

    An attempt that brought at least `worth` bytes sets the count of attempts back, so that a large file may take many.
    Waits double from `first_wait` up to `longest_wait`.
    """

    connect: float = 20.0
    read: float = 60.0
    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    worth: int = 1 << 20


class _CutShortError(Exception):
    """What went wrong will perhaps go right at the next attempt."""


def download(file: RawFile, folder: Path, progress: Progress, patience: Patience = Patience()) -> Path:
    """Bring a file into a folder, unless it lies there with the right checksum, and return its path.

    Where the publisher states no checksum, the SHA-256 of the first download is written to `checksums.json` in the
    folder, and compared from then on. A half download lies in `<name>.part` and is gone on with. Raises `LogError`
    where the server has no such file, keeps failing or sends another file than it should, and where space is lacking.
    """
    pooch = _pooch()
    try:
        with locked(folder, LogError), _quiet(pooch):
            known = file.checksum or _first_checksum(folder, file)
            loader = _Downloader(file, folder, progress, patience)
            found = Path(pooch.retrieve(file.url, known, file.name, folder, downloader=loader))
            if known is None:
                entry = {"sha256": pooch.file_hash(found), "size": found.stat().st_size, "url": file.url}
                add_to_record(folder / CHECKSUMS, file.name, entry)
            return found
    except ValueError as error:  # how pooch says that a checksum differs; it has removed the download
        raise LogError(
            f"{file.url} is not the file that was expected: {_difference(str(error))}. It was removed; run the command "
            f"again. If it stays so, the publisher has changed the file{_forget(file, folder)}"
        ) from error
    except OSError as error:
        raise _no_room(folder, error) from error


def check_sum(path: Path, checksum: str) -> None:
    """Raise `LogError`, with what was found and expected, unless a file has this checksum ("md5:..." or alike)."""
    algorithm, _, expected = checksum.rpartition(":")
    found = _pooch().file_hash(str(path), alg=algorithm or "sha256")
    if found != expected:
        raise LogError(f"{path} is damaged or another file: {algorithm} is {found}, expected {expected}; fetch it anew")


class _Downloader:
    """What pooch calls to download: into `<name>.part` first, and from where that ends."""

    def __init__(self, file: RawFile, folder: Path, progress: Progress, patience: Patience) -> None:
        self._file, self._progress, self._patience = file, progress, patience
        self._part = PartialFile(folder / f"{file.name}.part", file.url)

    def __call__(self, url: str, target: str, _: Any) -> None:
        attempt = 0
        while True:
            before = self._part.size
            try:
                self._attempt(url)
                break
            except _CutShortError as error:
                attempt = 1 if self._part.size - before >= self._patience.worth else attempt + 1
                if attempt >= self._patience.attempts:
                    raise LogError(
                        f"{url}: {error}; gave up after {attempt} attempts. Run the command again to go on from "
                        f"{self._part.size:,} bytes, or download the file otherwise and pass --raw-dir"
                    ) from error
                time.sleep(min(self._patience.first_wait * 2.0 ** (attempt - 1), self._patience.longest_wait))
        self._part.finish(Path(target))

    def _attempt(self, url: str) -> None:
        import requests
        from urllib3.exceptions import HTTPError

        timeout = (self._patience.connect, self._patience.read)
        # As it is on the disk there: Apache calls a .gz an encoding, and requests would unpack it on the way.
        headers = {"Accept-Encoding": "identity", **self._part.headers()}
        try:
            with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
                if response.status_code == 416 and self._part.is_whole(response.headers):
                    return
                total = self._begin(response)
                self._copy(response, total)
        except requests.exceptions.SSLError as error:
            raise LogError(
                f"{url}: the certificate of its server cannot be checked; it may have expired. Try later, or download "
                "the file otherwise, and pass the folder with --raw-dir"
            ) from error
        except (requests.RequestException, HTTPError) as error:
            raise _CutShortError(_in_words(error)) from error

    def _begin(self, response: Response) -> int:
        """Get ready to write what a response brings; returns how many bytes the whole file has, 0 if unsaid."""
        status = response.status_code
        if status == 416:  # the part is longer than the file is now
            self._part.clear()
            raise _CutShortError("the file has changed meanwhile")
        if status in _BUSY:
            raise _CutShortError(f"the server is busy or broken (HTTP {status})")
        if status not in (200, 206):
            reason = _REASONS.get(status, "does not give it out")
            raise LogError(
                f"{self._file.url}: the server {reason} (HTTP {status}). Look whether it has moved, download it "
                "otherwise, and pass the folder with --raw-dir"
            )
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise LogError(
                f"{self._file.url}: the server sent a web page instead of {self._file.name}; open the address in a "
                "browser, download the file there, and pass its folder with --raw-dir"
            )
        said = response.headers.get("Content-Length", "")
        length = int(said) if said.isdecimal() else 0
        if status == 200:
            self._part.start(response.headers)
        elif not self._part.continues(response.headers):
            self._part.clear()
            raise _CutShortError("the server sent another part than was asked for")
        self._check_room(length)
        return self._part.size + length if length else 0

    def _check_room(self, length: int) -> None:
        free = shutil.disk_usage(self._part.path.parent).free
        if length > free:
            raise LogError(
                f"{self._file.name} needs {length / 2**30:.2f} GiB more in {self._part.path.parent}, where "
                f"{free / 2**30:.2f} GiB are free; free some space, or set LONGREC_HOME to another disk"
            )

    def _copy(self, response: Response, total: int) -> None:
        stage, done = f"download {self._file.name}", self._part.size
        with self._part.path.open("ab") as sink:
            for block in response.raw.stream(_BLOCK, decode_content=False):
                sink.write(block)
                done += len(block)
                self._progress(stage, done, total)
        if done < total:
            raise _CutShortError(f"the line was cut after {done:,} of {total:,} bytes")


def _first_checksum(folder: Path, file: RawFile) -> str | None:
    entry = read_record(folder / CHECKSUMS).get(file.name)
    return None if entry is None else f"sha256:{entry['sha256']}"


def _pooch() -> Any:
    try:
        import pooch
        import requests  # noqa: F401
    except ImportError:
        raise ConfigurationError("downloads need pooch and requests; pip install 'longrec[data]'") from None
    return pooch


@contextmanager
def _quiet(pooch: Any) -> Iterator[None]:
    """Our own progress is shown, so pooch need not say what it does."""
    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(before)


def _difference(words: str) -> str:
    """The part "expected ... but got ..." of pooch's message."""
    return words[words.find("expected ") :].split(". ")[0] if "expected " in words else words


def _forget(file: RawFile, folder: Path) -> str:
    if file.checksum:
        return "; look at the data set's page"
    return f" since you fetched it first; to take the new one, delete its entry in {folder / CHECKSUMS}"


def _in_words(error: Exception) -> str:
    kind = type(error).__name__
    if "Timeout" in kind or "timed out" in str(error).lower():
        return "the server did not answer in time"
    if "Connection" in kind and "NameResolution" in str(error):
        return "its server cannot be found; is this machine on the network?"
    return f"the line was cut ({kind})"


def _no_room(folder: Path, error: OSError) -> LogError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = "the disk is full" if full else error.strerror or str(error)
    return LogError(f"cannot write to {folder}: {what}; free some space, or set LONGREC_HOME to another disk")
