"""A content-addressed store of answers: the same question to the same model is paid for once.

The key is the SHA-256 of the model's name, the parameters, the messages and the repeat index. The store is one
SQLite file in write-ahead mode, so that several processes may share it; the first answer to a question stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bilp_agent.llm.base import Completion, LanguageModel, Request, Usage, can_constrain, is_repeatable
from recsim_envs.errors import LanguageModelError

SCHEMA_VERSION = 1
_TOLD = {"input", "cached", "output"}  # what is kept of usage in any case


def parameters_of(request: Request) -> dict[str, Any]:
    """What of a request is not its messages, in JSON form. Later additions appear only where they are set."""
    record: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "repeat": request.repeat,
        "seed": request.seed,
        "stop": request.stop,
        "temperature": request.temperature,
    }
    if request.choices:
        record |= {"choices": request.choices, "choice_line": request.choice_line}
    if request.choice_count > 1:
        record["choice_count"] = request.choice_count
    if request.optional:
        record["optional"] = request.optional
    return record


def request_key(model: str, request: Request) -> str:
    """Hexadecimal SHA-256 of everything that the answer may depend on."""
    return _digest([SCHEMA_VERSION, model, {"messages": _messages_of(request), **parameters_of(request)}])


def asked_of(model: str, request: Request) -> dict[str, Any]:
    """What is kept of a request beside its answer: the model, the parameters and a digest of the messages.

    Optional passages are parts of the messages; a digest of them is kept too, and no text of a prompt.
    """
    messages, parameters = _digest(_messages_of(request))[:16], parameters_of(request)
    if request.optional:
        parameters["optional"] = _digest(request.optional)[:16]
    return {"model": model, "parameters": parameters, "messages": messages}


def record_of(model: str, request: Request, answer: Completion) -> dict[str, Any]:
    """An answer in the JSON form in which caches and cassettes keep it."""
    dropped = {"dropped": answer.dropped} if answer.dropped else {}
    usage = asdict(answer.usage)
    if usage["written"] is None:  # few endpoints tell, and caches of old do not hold it
        del usage["written"]
    record = {"text": answer.text, "usage": usage, "finish": answer.finish, **dropped}
    return record | {"asked": asked_of(model, request)}


def answer_of(record: Mapping[str, Any]) -> Completion:
    """The answer in such a record; raises ValueError, KeyError or TypeError for one of another shape."""
    text, usage, finish, dropped = record["text"], record["usage"], record["finish"], record.get("dropped", 0)
    if type(text) is not str or finish not in ("stop", "length") or not _TOLD <= set(usage) <= {*_TOLD, "written"}:
        raise ValueError("text, finish or usage is of another form")
    text.encode()  # half a surrogate pair would fail later, elsewhere
    if any(n is not None and (type(n) is not int or n < 0) for n in (*usage.values(), dropped)):
        raise ValueError("a count is no natural number")
    return Completion(text, Usage(**usage), finish, from_cache=True, dropped=dropped)


class Store(Protocol):
    """Where answers are kept."""

    def read(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The kept answers among these keys."""

    def write(self, fresh: Mapping[str, tuple[Request, Completion]]) -> dict[str, Completion]:
        """Keep answers, but no faults; returns those that another process had kept first."""


class CachedModel:
    """A language model that remembers. Faults are never stored; everything else is, with its usage.

    store: a file of answers, made when it does not exist, or any other `Store`.
    """

    def __init__(self, model: LanguageModel, store: str | Path | Store) -> None:
        self._model = model
        self._store = AnswerFile(store, model.name) if isinstance(store, (str, Path)) else store

    @property
    def name(self) -> str:
        """The name of the model behind the cache."""
        return self._model.name

    @property
    def constrains(self) -> bool:
        """Whether the model behind the cache honours `Request.choices`."""
        return can_constrain(self._model)

    @property
    def repeatable(self) -> bool:
        """Whether the model behind the cache repeats itself."""
        return is_repeatable(self._model)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer from the store what it holds; ask the model, once each, for the rest."""
        keys = [request_key(self.name, request) for request in requests]
        answers = self._store.read(set(keys))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
        fresh: dict[str, Completion] = {}
        if missing:
            fresh = dict(zip(missing, self._model.generate(list(missing.values())), strict=True))
            answers |= self._store.write({key: (missing[key], answer) for key, answer in fresh.items()})
        return [self._pick(key, answers, fresh) for key in keys]

    @staticmethod
    def _pick(key: str, answers: dict[str, Completion], fresh: dict[str, Completion]) -> Completion:
        """The stored answer, or the fresh one; a second asker in the same batch is answered from the cache."""
        if key in answers:
            return answers[key]
        completion = fresh[key]
        if completion.finish != "fault":
            answers[key] = replace(completion, retries=0, from_cache=True)
        return completion


class AnswerFile:
    """The SQLite file of a cache; `model` is the name of the model whose answers are written."""

    def __init__(self, path: str | Path, model: str = "") -> None:
        self._path, self._model = Path(path), model
        self._mine = threading.local()
        self._connect()

    def __len__(self) -> int:
        """Answers in the file, of all models."""
        try:
            return int(self._connect().execute("SELECT count(*) FROM answers").fetchone()[0])
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every key with what is kept under it, see `record_of`."""
        try:
            for key, stored in self._connect().execute("SELECT key, answer FROM answers ORDER BY key"):
                yield key, json.loads(stored)
        except (sqlite3.Error, ValueError) as error:
            raise self._damaged(error) from error

    def read(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The kept answers among these keys."""
        found: dict[str, Completion] = {}
        connection = self._connect()
        try:
            for key in keys:
                row = connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = answer_of(json.loads(row[0]))
        except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(error) from error
        return found

    def write(self, fresh: Mapping[str, tuple[Request, Completion]]) -> dict[str, Completion]:
        """Keep answers, but no faults; returns those that another process had kept first."""
        rows = [
            (key, json.dumps(record_of(self._model, request, answer)))
            for key, (request, answer) in fresh.items()
            if answer.finish != "fault"
        ]
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            with connection:  # rolls back what fails: left open it would lock all others out
                insert = partial(connection.execute, "INSERT OR IGNORE INTO answers VALUES (?, ?)")
                late = [row[0] for row in rows if not insert(row).rowcount]
        except sqlite3.Error as error:
            raise self._damaged(error) from error
        return self.read(late)

    def _connect(self) -> sqlite3.Connection:
        """The connection of this thread; neither another's nor one inherited through a fork may be used."""
        if getattr(self._mine, "owner", None) != os.getpid():
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self._path, timeout=60.0, isolation_level=None)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
            except (sqlite3.Error, OSError) as error:
                raise self._damaged(error) from error
            self._mine.connection, self._mine.owner = connection, os.getpid()
        connected: sqlite3.Connection = self._mine.connection
        return connected

    def _damaged(self, error: Exception) -> LanguageModelError:
        return LanguageModelError(
            f"the answer cache {self._path} cannot be used ({error}); check that its folder is writable, or move the "
            "file away to start an empty one"
        )


def _messages_of(request: Request) -> list[dict[str, str]]:
    return [{"content": m.content, "role": m.role} for m in request.messages]


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
