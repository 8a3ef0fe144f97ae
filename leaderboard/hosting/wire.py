"""Messages as bytes: one line of JSON; arrays as lists in it, or as raw bytes behind it. Nothing is ever unpickled."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from leaderboard.hosting.failures import ProtocolError

VERSION: Final = 1
MAX_REPLY: Final = 2**24  # bytes of a message that an agent sends

Message = dict[str, Any]


def encode(message: Mapping[str, Any], *, buffers: bool) -> bytes:
    """A message as bytes.

    With `buffers` an array is {"array": dtype, "shape": [...]} in the line, and its bytes, little-endian in C order,
    follow the line in the order in which the line names the arrays; "bytes" says how many there are. Else it is nested
    lists. There, numbers that JSON does not know are null, and uint64 are texts, which no reader of JSON rounds.
    """
    blobs: list[bytes] = []
    line = {key: _plain(value, blobs if buffers else None) for key, value in message.items()}
    if blobs:
        line["bytes"] = sum(map(len, blobs))
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n" + b"".join(blobs)


def _plain(value: Any, blobs: list[bytes] | None) -> Any:
    if isinstance(value, np.ndarray):
        if blobs is None:
            return _lists(value)
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        blobs.append(little.tobytes())
        return {"array": little.dtype.str, "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {key: _plain(part, blobs) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, blobs) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _lists(array: NDArray[Any]) -> Any:
    """Nested lists. Of an array that holds what JSON has no number for, row by row."""
    if array.dtype == np.uint64:
        return array.astype(str).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return [_lists(part) for part in array] if array.ndim else None
    return array.tolist()


def read_line(line: bytes | bytearray) -> Message:
    """The message of a line, its arrays not yet filled in. Raises `ProtocolError` for what is no JSON object."""
    try:
        message = json.loads(line.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{_shown(line)} is no line of JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError(f"{_shown(line)} is no JSON object")
    return message


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _shown(line: bytes | bytearray) -> str:
    text = line[:80].decode(errors="replace").rstrip("\n")
    return f"{text!r}{'...' if len(line) > 80 else ''}"


def body_size(message: Message, most: int) -> int:
    """How many bytes follow a message's line. Raises `ProtocolError` for a size that is none, or above `most`."""
    size = message.get("bytes", 0)
    if type(size) is not int or not 0 <= size <= most:
        raise ProtocolError(f"bytes is {size!r}; it must be a whole number, at most {most}")
    return size


def fill(message: Message, body: bytearray) -> Message:
    """The message with its arrays, which may be written into. Raises `ProtocolError` where bytes do not fit them."""
    offset = 0

    def filled(value: Any) -> Any:
        nonlocal offset
        if isinstance(value, dict):
            if value.keys() == {"array", "shape"}:
                array = _array(value, body, offset)
                offset += array.nbytes
                return array
            return {key: filled(part) for key, part in value.items()}
        return [filled(part) for part in value] if isinstance(value, list) else value

    if "bytes" not in message:
        return message
    result: Message = filled({key: value for key, value in message.items() if key != "bytes"})
    if offset != len(body):
        raise ProtocolError(f"{len(body)} bytes follow the line, and its arrays have {offset}")
    return result


def _array(told: Mapping[str, Any], body: bytearray, offset: int) -> NDArray[Any]:
    shape = told["shape"]
    try:
        dtype = np.dtype(str(told["array"]))
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "biuf" or not isinstance(shape, list) or any(type(n) is not int or n < 0 for n in shape):
        raise ProtocolError(f"an array of {told['array']!r} and shape {shape!r} cannot be; booleans and numbers can")
    count = math.prod(shape)
    if count * dtype.itemsize > len(body) - offset:
        raise ProtocolError(f"an array of shape {shape} goes beyond the {len(body)} bytes that follow the line")
    return np.frombuffer(body, dtype, count, offset).reshape(shape)
