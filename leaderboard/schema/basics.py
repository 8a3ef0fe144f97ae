"""What all stored models are made of: bounded types, and the text that hashes are taken over."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

SCHEMA_VERSION: Final = 1
MAX_JSON: Final = 65_536  # bytes of canonical JSON that one free-form field may hold
MAX_LINE: Final = 500  # characters


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the text that hashes are taken over. NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def json_hash(value: Any) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _small_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(canonical_json(value).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"must be JSON of finite numbers, strings, lists and objects ({error})") from None
    if size > MAX_JSON:
        raise ValueError(f"holds {size} bytes of JSON; at most {MAX_JSON} are allowed")
    return value


_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$"
_ENV_ID: Final = r"^([A-Za-z0-9_.-]{1,60}/)?[A-Za-z0-9_.-]{1,80}-v[0-9]{1,4}$"
_ENTRY_POINT: Final = (
    r"^([A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*|command:[^\x00-\x1f\x7f]+|https?://[A-Za-z0-9_./:\[\]-]+)$"
)
_HEX: Final = r"^[0-9a-f]{64}$"
PATTERNS: Final = {
    _NAME: "1 to 80 letters, digits and . _ + -, the first a letter or a digit",
    _ENV_ID: "an id such as longrec/Games-v0",
    _ENTRY_POINT: "module:Class, command:PROGRAM, or the address of a server, http://HOST:PORT",
    _HEX: "64 hexadecimal digits, in small letters",
}
"""What texts that must fit a pattern may be, in words for who gave another."""
Name = Annotated[str, Field(pattern=_NAME)]
"""A name that is safe in file names and addresses: letters, digits and . _ + -, at most 80."""
EnvId = Annotated[str, Field(pattern=_ENV_ID)]
EntryPoint = Annotated[str, Field(pattern=_ENTRY_POINT, max_length=500)]
"""How an agent is started: module:Class, command:..., or the address of a server."""
Sha256 = Annotated[str, Field(pattern=_HEX)]
Salt = Annotated[str, Field(pattern=_HEX)]
"""256 random bits, in hexadecimal."""
Line = Annotated[str, Field(max_length=MAX_LINE)]
Text = Annotated[str, Field(max_length=4_000)]
Json = Annotated[dict[str, Any], AfterValidator(_small_json)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Seconds = Amount
TrainingSeed = Annotated[int, Field(ge=0, lt=2**31)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def as_line(text: str) -> str:
    """As much of a text as a `Line` holds."""
    return text[:MAX_LINE]


class Stored(BaseModel):
    """Base of everything that is read from or written to a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sparse(Stored):
    """Leaves out what is None, so that a field added later changes no hash of what was stored before."""

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}
