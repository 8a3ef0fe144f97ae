"""A loopback server that misbehaves as it is told, request by request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """What to serve. steps: one a request, the last for all further ones: "good", a status like 503, "cut" (half of
    what is due), "hang", "stall" (half, then silence), or "html". ranges: whether Range is understood. etag: the
    version of the content, None for a server that tells none. asked: the headers of each request.
    """

    content: bytes
    steps: list[object] = field(default_factory=lambda: ["good"])
    ranges: bool = True
    etag: str | None = '"v1"'
    encoding: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 for as long as the block runs; gives the address of the file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.asked.append(dict(self.headers))
            step = script.steps.pop(0) if len(script.steps) > 1 else script.steps[0]
            if step == "hang":
                script.stop.wait(5)
            elif step == "html":
                self._send(b"<html>Please log in</html>", 200, {"Content-Type": "text/html; charset=utf-8"})
            elif isinstance(step, int):
                self.send_error(step)
            else:
                self._answer(str(step))

        def _answer(self, step: str) -> None:
            start, headers = self._start(), {"Content-Type": "application/octet-stream"}
            if script.etag:
                headers["ETag"] = script.etag
            if script.encoding:
                headers["Content-Encoding"] = script.encoding
            if start >= len(script.content):
                self._send(b"", 416, {"Content-Range": f"bytes */{len(script.content)}"})
                return
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(script.content) - 1}/{len(script.content)}"
            rest = script.content[start:]
            sent = rest if step == "good" else rest[: len(rest) // 2]
            self._send(sent, 206 if start else 200, headers, len(rest))
            if step == "stall":
                script.stop.wait(5)

        def _start(self) -> int:
            asked, version = self.headers.get("Range"), self.headers.get("If-Range")
            if not (script.ranges and asked and version == script.etag):
                return 0
            return int(asked.removeprefix("bytes=").removesuffix("-"))

        def _send(self, body: bytes, status: int, headers: dict[str, str], length: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/file.bin"
    finally:
        script.stop.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def wait_until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.01)
