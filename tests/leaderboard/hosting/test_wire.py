"""Messages: what is sent arrives bit for bit, and no bytes that an agent may send do more than raise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from leaderboard.hosting.failures import ProtocolError
from leaderboard.hosting.wire import MAX_REPLY, body_size, encode, fill, read_line

DTYPES = st.sampled_from([np.bool_, np.int8, np.int32, np.int64, np.uint16, np.uint64, np.float32, np.float64]).map(
    np.dtype
)
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
KEYS = st.text().filter(lambda key: key not in ("bytes", "array", "shape"))
VALUES = st.recursive(PLAIN | ARRAYS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8)


def decode(data: bytes):
    end = data.index(b"\n") + 1
    message = read_line(data[:end])
    assert body_size(message, MAX_REPLY) == len(data) - end
    return fill(message, bytearray(data[end:]))


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(max_examples=50)
@given(st.dictionaries(KEYS, VALUES))
def test_arrays_arrive_bit_for_bit(message):
    assert same(message, decode(encode(message, buffers=True)))


@settings(max_examples=50)
@given(st.dictionaries(KEYS, VALUES))
def test_without_buffers_a_message_is_one_line_of_json(message):
    data = encode(message, buffers=False)
    assert data.count(b"\n") == 1
    assert json.loads(data).keys() == message.keys()


@given(ARRAYS.filter(lambda array: array.dtype != np.uint64))
def test_lists_hold_the_numbers_exactly(array):
    told = decode(encode({"a": array}, buffers=False))["a"]
    back = (
        np.array(told, np.float64 if array.dtype.kind == "f" else array.dtype).astype(array.dtype).reshape(array.shape)
    )
    known = np.isfinite(array) if array.dtype.kind == "f" else np.ones(array.shape, bool)
    assert (back[known] == array[known]).all()
    assert np.isnan(back[~known]).all() if array.dtype.kind == "f" else known.all()


def test_64_bits_are_texts_in_lists():
    keys = np.array([0, 2**63 + 1, 2**64 - 1], np.uint64)
    assert decode(encode({"keys": keys}, buffers=False)) == {
        "keys": ["0", "9223372036854775809", "18446744073709551615"]
    }


def test_arrays_may_be_written_into():
    array = decode(encode({"a": np.arange(3)}, buffers=True))["a"]
    array[:] = 7
    assert array.tolist() == [7, 7, 7]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_protocol_error(data):
    _survives(data + b"\n")


@settings(max_examples=50)
@given(st.dictionaries(KEYS, VALUES, min_size=1), st.data())
def test_damaged_messages_are_messages_or_protocol_errors(message, data):
    sent = bytearray(encode(message, buffers=True))
    for _ in range(data.draw(st.integers(1, 4))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    _survives(bytes(sent))


def _survives(data: bytes) -> None:
    end = data.find(b"\n") + 1 or len(data)
    try:
        message = read_line(data[:end])
        size = body_size(message, MAX_REPLY)
        fill(message, bytearray(data[end : end + size]))
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "is no line of JSON"),
        ("[1]", "is no JSON object"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "is no line of JSON"),
        ('{"bytes": -1}', "bytes is -1; it must be a whole number"),
        ('{"bytes": true}', "bytes is True"),
        ('{"bytes": 1e3}', "bytes is 1000.0"),
        ('{"bytes": 99999999999}', "at most 16777216"),
        ('{"bytes": 4}', "4 bytes follow the line, and its arrays have 0"),
        ('{"bytes": 4, "a": {"array": "<i4", "shape": [2]}}', r"shape \[2\] goes beyond the 4 bytes"),
        ('{"bytes": 4, "a": {"array": "<i4", "shape": [9999999999, 9999999999]}}', "goes beyond the 4 bytes"),
        ('{"bytes": 4, "a": {"array": "<i4", "shape": [-1]}}', "cannot be; booleans and numbers can"),
        ('{"bytes": 4, "a": {"array": "O", "shape": [1]}}', "cannot be; booleans and numbers can"),
        ('{"bytes": 4, "a": {"array": "i4,i4", "shape": [1]}}', "cannot be; booleans and numbers can"),
        ('{"bytes": 4, "a": {"array": "(2,)i4", "shape": [1]}}', "cannot be; booleans and numbers can|goes beyond"),
        ('{"bytes": 4, "a": {"array": 7, "shape": "x"}}', "cannot be; booleans and numbers can"),
    ],
)
def test_what_is_refused(line, text):
    with pytest.raises(ProtocolError, match=text):
        decode_zeros(line)


def decode_zeros(line: str) -> None:
    message = read_line(line.encode())
    fill(message, bytearray(body_size(message, MAX_REPLY)))
