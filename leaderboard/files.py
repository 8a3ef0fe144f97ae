"""Reading and writing small files safely: atomic writes, bounded reads, faults named by file and field."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from leaderboard.schema.basics import PATTERNS
from leaderboard.words import suggestion
from recsim_envs.errors import ConfigurationError, LongrecError, SubmissionError
from recsim_envs.files import atomic_file
from recsim_envs.locks import locked

Model = TypeVar("Model", bound=BaseModel)

MAX_JSON_FILE = 64 * 2**20


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """`recsim_envs.files.atomic_file`, with a `ConfigurationError` where nothing can be written."""
    try:
        with atomic_file(target) as scratch:
            yield scratch
    except OSError as error:
        raise _unwritable(target, error) from error


@contextmanager
def alone_in(*folders: Path) -> Iterator[None]:
    """Hold folders for this process, see `recsim_envs.locks`. What two make there at once would be neither's.

    Raises `ConfigurationError` for one that another process holds, or that cannot be written.
    """
    with ExitStack() as held:
        for folder in folders:
            try:
                held.enter_context(locked(folder, ConfigurationError))
            except OSError as error:
                raise _unwritable(folder, error) from error
        yield


def _unwritable(target: Path, error: OSError) -> ConfigurationError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        file = next((path for path in (target, *target.parents) if path.exists()), target)
        return ConfigurationError(f"cannot write to {target}: {file} is a file, no folder; choose another name")
    return ConfigurationError(
        f"cannot write to {target}: {error.strerror}; free some space, or choose a folder that you may write"
    )


def write_json(target: Path, value: Any) -> None:
    """Write a model or plain JSON atomically, indented, with a final newline."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    with atomic_path(target) as scratch:
        scratch.write_text(json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_model(path: Path, model: type[Model], error: type[LongrecError] = SubmissionError) -> Model:
    """Read a JSON file into a model. Raises `error` naming the file, the field and what is wrong with it."""
    try:
        check_regular(path, error)
        with path.open("rb") as file:
            text = file.read(MAX_JSON_FILE + 1)
        if len(text) > MAX_JSON_FILE:
            raise error(f"{path} is larger than {MAX_JSON_FILE >> 20} MiB; it is no {model.__name__.lower()} of ours")
        found = model.model_validate_json(text)
        if twice := _said_twice(text):
            raise error(
                f"{path}: {twice!r} is there twice in one object, and readers differ in which they take; keep one"
            )
        return found
    except FileNotFoundError:
        raise error(f"{path} does not exist; check the path") from None
    except OSError as fault:
        raise error(f"{path} cannot be read: {fault.strerror}; check the path and its permissions") from fault
    except ValidationError as fault:
        raise error(f"{path}: {first_fault(fault, model)}") from None


def _said_twice(text: bytes) -> str | None:
    """A name that an object of valid JSON holds twice, cut to 80 characters; None if there is none."""
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            twice.append(next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1))

    # Numbers stay text: some are too long for Python, and none is needed.
    json.loads(text, object_pairs_hook=look, parse_int=str, parse_float=str)
    return twice[0][:80] if twice else None


def check_regular(path: Path, error: type[LongrecError] = SubmissionError) -> int:
    """Size of a file in bytes. Raises `error` for a link, pipe or device, which could be read without end, and
    `OSError` where nothing is there.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{path} is no regular file but a folder, link, pipe or device; put the file itself there")
    return found.st_size


def first_fault(fault: ValidationError, model: type[BaseModel] | None = None) -> str:
    """The first fault of a validation, as "field a.b: what is wrong (and n more)"; no field where it is of the whole.

    With the `model` that was to be read, a field that does not exist comes with the nearest that do.
    """
    faults = fault.errors(include_url=False, include_input=False)
    faults.sort(key=lambda f: f["type"] != "extra_forbidden")  # a name that is misspelt is missing, too
    loc, told = faults[0]["loc"], faults[0]["msg"]
    told = told.removeprefix("Value error, ")  # pydantic's, before the words of our own validators
    if (pattern := faults[0].get("ctx", {}).get("pattern")) in PATTERNS:
        told = f"must be {PATTERNS[pattern]}"
    where = "field " + ".".join(str(part) for part in loc) + ": " if loc else ""
    if model is not None and faults[0]["type"] == "extra_forbidden":
        told = f"there is no such field{suggestion(str(loc[-1]), _fields(model, loc[:-1]))}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where}{told}{more}"


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The fields of the model that lies at a place within another."""
    found: Any = model
    for part in loc:
        if isinstance(part, str) and part in getattr(found, "model_fields", {}):
            found = _models(found.model_fields[part].annotation)
    return list(getattr(found, "model_fields", {}))


def _models(annotation: Any) -> Any:
    """The model that a field holds, perhaps in a sequence, a mapping or an option; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_models, get_args(annotation))), None)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
