"""A content-addressed store of answers: the same question to the same model is paid for once.

The key is the SHA-256 of the model's name, the parameters, the messages and the repeat index. The store is one
SQLite file in write-ahead mode, so that several processes may share it; the first answer to a question stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bilp_agent.llm.base import Completion, LanguageModel, Request, Usage, can_constrain
from recsim_envs.errors import LanguageModelError

SCHEMA_VERSION = 1


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
    if request.optional:
        record["optional"] = request.optional
    return record


def request_key(model: str, request: Request) -> str:
    """Hexadecimal SHA-256 of everything that the answer may depend on."""
    messages = [{"content": m.content, "role": m.role} for m in request.messages]
    asked = {"messages": messages, **parameters_of(request)}
    canonical = json.dumps([SCHEMA_VERSION, model, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class CachedModel:
    """A language model that remembers. Faults are never stored; everything else is, with its usage."""

    def __init__(self, model: LanguageModel, path: str | Path) -> None:
        self._model, self._path = model, Path(path)
        self._connection: sqlite3.Connection | None = None
        self._owner = -1
        self._connect()

    @property
    def name(self) -> str:
        """The name of the model behind the cache."""
        return self._model.name

    @property
    def constrains(self) -> bool:
        """Whether the model behind the cache honours `Request.choices`."""
        return can_constrain(self._model)

    def __len__(self) -> int:
        """Answers in the store, of all models and processes."""
        try:
            return int(self._connect().execute("SELECT count(*) FROM answers").fetchone()[0])
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer from the store what it holds; ask the model, once each, for the rest."""
        keys = [request_key(self.name, request) for request in requests]
        answers = self._read(set(keys))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
        if missing:
            fresh = dict(zip(missing, self._model.generate(list(missing.values())), strict=True))
            self._write(fresh)
        else:
            fresh = {}
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

    def _connect(self) -> sqlite3.Connection:
        """The connection of this process; one inherited through a fork must not be used."""
        if self._connection is None or self._owner != os.getpid():
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                connection = sqlite3.connect(self._path, timeout=60.0, isolation_level=None)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
            except (sqlite3.Error, OSError) as error:
                raise self._damaged(error) from error
            self._connection, self._owner = connection, os.getpid()
        return self._connection

    def _read(self, keys: Iterable[str]) -> dict[str, Completion]:
        found: dict[str, Completion] = {}
        connection = self._connect()
        try:
            for key in keys:
                row = connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = _decode(row[0])
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise self._damaged(error) from error
        return found

    def _write(self, fresh: dict[str, Completion]) -> None:
        rows = [(key, _encode(answer)) for key, answer in fresh.items() if answer.finish != "fault"]
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> LanguageModelError:
        return LanguageModelError(
            f"the answer cache {self._path} cannot be used ({error}); check that its folder is writable, or move the "
            "file away to start an empty one"
        )


def _encode(answer: Completion) -> str:
    dropped = {"dropped": answer.dropped} if answer.dropped else {}
    return json.dumps({"text": answer.text, "usage": asdict(answer.usage), "finish": answer.finish, **dropped})


def _decode(stored: str) -> Completion:
    record = json.loads(stored)
    dropped = record.get("dropped", 0)
    return Completion(record["text"], Usage(**record["usage"]), record["finish"], from_cache=True, dropped=dropped)
