"""`Server`: an agent behind an HTTP address. Each message is a POST, its answer the body of the response."""

from __future__ import annotations

import http.client
import time
from typing import Final
from urllib.parse import urlsplit

from leaderboard.ends import TIMED_OUT
from leaderboard.hosting.failures import AgentLostError, ProtocolError
from leaderboard.hosting.wire import MAX_REPLY, Message, body_size, encode, fill, read_line
from recsim_envs.errors import ConfigurationError

_PART: Final = 2**16
_FOREVER: Final = 10**6  # seconds


class Server:
    """Implements `Channel`. Raises `ConfigurationError` for an address that is none, or that holds a secret.

    The server is not ours: it is neither started nor ended here, and its memory is its own affair.
    """

    def __init__(self, address: str) -> None:
        self.buffers = False
        try:
            parts = urlsplit(address)
            self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path or "/"
        except ValueError as error:
            raise ConfigurationError(f"{address!r} is no address: {error}") from None
        if not self._host or parts.query or parts.fragment or parts.username is not None:
            raise ConfigurationError(
                f"the address of {self._host or 'a server'} must be scheme, host, port and path alone: it is kept in "
                "the submission, where secrets have no place"
            )
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def exchange(self, message: Message, seconds: float | None) -> Message:
        """As in `Channel.exchange`. Each has a connection of its own, which no server can have closed meanwhile."""
        deadline = time.monotonic() + (seconds or _FOREVER)
        connection = self._connect(self._host, self._port)
        try:
            answer = _post(connection, self._path, encode(message, buffers=self.buffers), deadline)
        except TimeoutError:
            raise AgentLostError(f"no answer within {seconds:g} s", TIMED_OUT) from None
        except (OSError, http.client.HTTPException) as error:
            told = getattr(error, "strerror", None) or repr(error)
            raise AgentLostError(
                f"{self._host}:{connection.port} does not answer: {told}; is the server running, and is the port right?"
            ) from error
        finally:
            connection.close()
        end = answer.find(b"\n") + 1 or len(answer)
        told = read_line(answer[:end])
        if body_size(told, MAX_REPLY) != len(answer) - end:
            raise ProtocolError("the response does not end where its message does")
        return fill(told, answer[end:])

    def close(self) -> None:
        """As in `Channel.close`."""


def _post(connection: http.client.HTTPConnection, path: str, data: bytes, deadline: float) -> bytearray:
    _within(connection, deadline)
    connection.request("POST", path, data, {"Content-Type": "application/json"})
    _within(connection, deadline)
    response, answer = connection.getresponse(), bytearray()
    while part := response.read1(_PART):
        answer += part
        if len(answer) > MAX_REPLY:
            raise ProtocolError(f"it answered with more than {MAX_REPLY >> 20} MiB")
        _within(connection, deadline)
    if response.status != 200:
        shown = answer[:300].decode(errors="replace").strip()
        raise AgentLostError(f"it answered with status {response.status}: {shown}")
    return answer


def _within(connection: http.client.HTTPConnection, deadline: float) -> None:
    """Let the next wait end at the deadline. Raises `TimeoutError` where that has passed."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    connection.timeout = left
    if connection.sock is not None:
        connection.sock.settimeout(left)
