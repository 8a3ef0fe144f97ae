"""Cassettes: one file of answers that lets anyone run a language model's row again, without a key and at no cost.

JSON lines. The first says what the file is and which model answered; each other line is one answer, found by the
key that the cache uses, with the request's parameters, a digest of its messages and a check sum of the line. Prompts
are not stored. Lines are only ever appended, under a lock, so that several processes may record into one file. A
finished file may be packed (gzip): it is read as it is, and nothing more is recorded into it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import string
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from bilp_agent.llm.base import Completion, LanguageModel, Request
from bilp_agent.llm.cache import AnswerFile, CachedModel, answer_of, asked_of, record_of, request_key
from recsim_envs.errors import ConfigurationError, LanguageModelError
from recsim_envs.files import atomic_file

FORMAT, VERSION = "longrec-cassette", 1
LONGEST_LINE = 4 << 20  # bytes; no answer comes near it
LARGEST = 1 << 30  # bytes, unpacked: a small packed file may be made to fill any memory
PACKED = b"\x1f\x8b"  # how a gzip file begins


class Cassette:
    """The answers in a cassette file; `model` is the name of the model that gave them.

    model: name to record under, for a file that may not exist yet; None reads what the file says. `constrains` tells
    whether answers were restricted to choices: what an agent asked for then, it has to ask for again.
    Raises `LanguageModelError` naming the file and the line if it is damaged, or holds another model's answers.
    """

    def __init__(self, path: str | Path, model: str | None = None) -> None:
        self.path = Path(path)
        self.model = model or ""
        self.constrains = False
        self._answers: dict[str, Completion] = {}
        self._asked: dict[str, list[dict[str, Any]]] = {}
        self._read_to = self._lines = 0
        if model is None:
            with self._problems(), self.path.open("rb") as stream, _unpacked(stream) as lines:
                self._follow(lines)
            if not self._lines:
                raise self._damaged(1, "the file is empty")
        else:
            with self._problems():
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.write({})  # makes the file, or reads the one that is there

    def __len__(self) -> int:
        return len(self._answers)

    def read(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The recorded answers among these keys."""
        return {key: self._answers[key] for key in keys if key in self._answers}

    def write(self, fresh: Mapping[str, tuple[Request, Completion]]) -> dict[str, Completion]:
        """Append answers, but no faults; returns those that another process had recorded first."""
        asked = {key: record_of(self.model, *pair) for key, pair in fresh.items() if pair[1].finish != "fault"}
        return self.append(asked)

    def append(self, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Completion]:
        """The same for records in the form that the cache keeps."""
        with self._problems(), self.path.open("a+b") as stream, _locked(stream):
            stream.seek(0)
            if _is_packed(stream):
                raise LanguageModelError(
                    f"{self.path}: is packed, so nothing can be recorded into it; unpack it with gzip -d, or record "
                    "into another file"
                )
            stream.seek(self._read_to)
            self._follow(stream, mend=True)
            first = self.read(records)
            lines = [] if self._lines else [_head(self.model)]
            lines += [_line(self.model, key, record) for key, record in records.items() if key not in first]
            stream.write("".join(lines).encode())
            stream.flush()
            stream.seek(self._read_to)
            self._follow(stream)
        return first

    def explain(self, request: Request) -> str:
        """What of a request that was not recorded differs from what was: its parameters or its messages."""
        asked = asked_of(self.model, request)
        recorded = self._asked.get(asked["messages"], [])
        if not recorded:
            told = " ".join(request.messages[-1].content.split())[:80] if request.messages else ""
            return f"none of the {len(self)} recorded requests has its messages; the last one begins {told!r}"
        nearest = min((_differences(asked["parameters"], other) for other in recorded), key=len)
        told = ", ".join(f"{name} is {new!r} and was {old!r}" for name, (new, old) in sorted(nearest.items()))
        return f"its messages were recorded with other parameters: {told}"

    def _follow(self, stream: BinaryIO, mend: bool = False) -> None:
        """Read the lines from the stream's position on; `mend` cuts off a last one that was not written whole."""
        for raw in iter(lambda: stream.readline(LONGEST_LINE + 1), b""):
            if not raw.endswith(b"\n"):
                if mend and len(raw) <= LONGEST_LINE:
                    stream.truncate(self._read_to)
                    return
                what = "too long" if len(raw) > LONGEST_LINE else "cut off"
                raise self._damaged(self._lines + 1, f"the line is {what}")
            self._take(raw)
            self._lines += 1
            self._read_to += len(raw)
            if self._read_to > LARGEST:
                raise self._damaged(self._lines, f"the file is larger than {LARGEST >> 20} MiB")

    def _take(self, raw: bytes) -> None:
        """Check and remember one line."""
        try:
            record = json.loads(raw)
            if not self._lines:
                self._take_head(record)
                return
            key, answer, parameters, messages = _checked(self.model, record)
            if key in self._answers:
                raise ValueError("the same key was answered before")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._damaged(self._lines + 1, f"{type(error).__name__}: {error}") from error
        self._answers[key] = answer
        self._asked.setdefault(messages, []).append(parameters)
        self.constrains = self.constrains or "choices" in parameters

    def _take_head(self, head: Any) -> None:
        if not isinstance(head, dict) or head.get("format") != FORMAT or type(head.get("model")) is not str:
            raise ValueError(f"it does not say that this is a {FORMAT} file")
        if head.get("version") != VERSION:
            raise LanguageModelError(
                f"{self.path}: a cassette of version {head.get('version')!r}, this longrec reads {VERSION}; record it "
                "again, or use the longrec that made it"
            )
        if self.model and head["model"] != self.model:
            raise LanguageModelError(
                f"{self.path}: holds answers of model {head['model']!r}, not of {self.model!r}; record into another "
                "file"
            )
        self.model = head["model"]

    def _damaged(self, line: int, what: str) -> LanguageModelError:
        return LanguageModelError(f"{self.path}: line {line} is not usable ({what}); get the cassette again")

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LanguageModelError(f"{self.path}: the packed file is damaged ({error}); get it again") from error
        except OSError as error:
            raise LanguageModelError(
                f"{self.path}: the cassette cannot be opened ({error.strerror}); check the path"
            ) from error


class CassetteModel:
    """Replays a cassette: answers what was recorded, and asks nobody else."""

    repeatable = True

    def __init__(self, path: str | Path) -> None:
        self._cassette = Cassette(path)

    @property
    def name(self) -> str:
        """The name of the model that was recorded."""
        return self._cassette.model

    @property
    def constrains(self) -> bool:
        """Whether the recorded answers keep to `Request.choices`."""
        return self._cassette.constrains

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The recorded answers. Raises `LanguageModelError` saying what differs if one was not recorded."""
        keys = [request_key(self.name, request) for request in requests]
        found = self._cassette.read(keys)
        for key, request in zip(keys, requests, strict=True):
            if key not in found:
                raise LanguageModelError(
                    f"{self._cassette.path}: holds no answer of {self.name} to this request: "
                    f"{self._cassette.explain(request)}; run it with the settings it was recorded with, or record anew"
                )
        return [found[key] for key in keys]


def recording(model: LanguageModel, path: str | Path) -> CachedModel:
    """The same model, each of whose answers goes into a cassette; what the file holds already is not asked again."""
    return CachedModel(model, Cassette(path, model.name))


def cassette_of_cache(cache: str | Path, path: str | Path, model: str | None = None) -> int:
    """Write a model's answers from a cache into a cassette; returns how many the cassette then holds.

    model: its full name; may be left out if the cache holds one model's answers only. Raises `LanguageModelError`
    naming the models otherwise. Answers that longrec cached before cassettes existed lack what one needs.
    """
    if not Path(cache).is_file():
        raise LanguageModelError(f"{cache}: there is no such answer cache; give the file of a run's cache option")
    records = {key: r for key, r in AnswerFile(cache).records() if "asked" in r}
    names = sorted({r["asked"]["model"] for r in records.values()})
    chosen = model or (names[0] if len(names) == 1 else None)
    if chosen not in names:
        raise LanguageModelError(
            f"{cache}: name one of the models whose answers it holds: {', '.join(names) or 'none'}"
        )
    cassette = Cassette(path, chosen)
    cassette.append({key: r for key, r in sorted(records.items()) if r["asked"]["model"] == chosen})
    return len(cassette)


def pack(path: str | Path, out: str | Path) -> int:
    """Write a cassette packed (gzip) to the new file `out`, whose folder is made; its size in bytes.

    The same answers give the same bytes. Raises `LanguageModelError` for what is no whole cassette,
    `ConfigurationError` if `out` exists.
    """
    if Path(out).exists():
        raise ConfigurationError(f"{out} exists; choose a new file")
    content = Cassette(path).path.read_bytes()
    if content.startswith(PACKED):
        raise ConfigurationError(f"{path} is packed already")
    packed = gzip.compress(content, 9, mtime=0)
    try:
        with atomic_file(Path(out)) as scratch:
            scratch.write_bytes(packed)
    except OSError as error:
        raise LanguageModelError(f"cannot write {out} ({error.strerror}); choose another folder") from error
    return len(packed)


def _is_packed(stream: BinaryIO) -> bool:
    start = stream.read(len(PACKED))
    stream.seek(0)
    return start == PACKED


@contextmanager
def _unpacked(stream: BinaryIO) -> Iterator[Any]:
    """The lines of a file, packed or not."""
    if not _is_packed(stream):
        yield stream
        return
    with gzip.open(stream) as lines:
        yield lines


def _head(model: str) -> str:
    return json.dumps({"format": FORMAT, "version": VERSION, "model": model}) + "\n"


def _line(model: str, key: str, record: Mapping[str, Any]) -> str:
    asked = record["asked"]
    answer = {name: value for name, value in record.items() if name != "asked"}
    line = {"key": key, "parameters": asked["parameters"], "messages": asked["messages"], "answer": answer}
    return json.dumps(line | {"check": _check(model, line)}) + "\n"


def _check(model: str, line: Mapping[str, Any]) -> str:
    canonical = json.dumps([model, line], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _checked(model: str, record: Any) -> tuple[str, Completion, dict[str, Any], str]:
    """Key, answer, parameters and messages' digest of a line; raises ValueError and kin for any other shape."""
    if set(record) != {"key", "parameters", "messages", "answer", "check"}:
        raise ValueError(f"fields {sorted(record)}")
    line = {name: value for name, value in record.items() if name != "check"}
    if record["check"] != _check(model, line):
        raise ValueError("the check sum does not fit")
    key, messages = record["key"], record["messages"]
    if not (_is_hex(key, 64) and _is_hex(messages, 16)):
        raise ValueError("key or messages is no digest")
    if type(record["parameters"]) is not dict:
        raise ValueError("parameters is no object")
    return key, answer_of(record["answer"]), record["parameters"], messages


def _is_hex(value: Any, length: int) -> bool:
    return type(value) is str and len(value) == length and set(value) <= set(string.hexdigits)


def _differences(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    plain = json.loads(json.dumps(new))  # tuples become lists, as in the file
    names = [*plain, *(name for name in old if name not in plain)]
    return {n: (plain.get(n), old.get(n)) for n in names if plain.get(n) != old.get(n)}


@contextmanager
def _locked(stream: BinaryIO) -> Iterator[None]:
    """Hold an exclusive lock of the file; where the platform has none, one process at a time has to record."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(stream, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(stream, fcntl.LOCK_UN)
