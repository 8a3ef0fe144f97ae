"""Real servers on loopback that speak the chat completions protocol, or break it as they are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bilp_agent.llm import Message, Request
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel

KEY = "sk-not-a-real-key-0123456789"
Reply = tuple[int, dict[str, str], bytes]


def good(text: str = "fine", finish: str = "stop", /, **usage: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return 200, {}, json.dumps(body | ({"usage": usage} if usage else {})).encode()


def status(code: int, **headers: str) -> Reply:
    return code, headers, json.dumps({"error": {"message": f"no, {KEY}", "type": "t"}}).encode()


class Server:
    """Answers with the given replies, the last one for ever; a callable is asked with the request's body."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[dict[str, Any]], Reply]] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.busy = self.most_busy = 0
        self._lock = threading.Lock()
        outer = self

        class Listener(ThreadingHTTPServer):
            request_queue_size = 256  # connections that may come at once
            daemon_threads = True

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1  # one packet an answer, not one a header
            disable_nagle_algorithm = True
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.bodies.append(body)
            self.keys.add(handler.headers["Authorization"])
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        code, headers, content = reply(body) if callable(reply) else reply
        with self._lock:
            self.busy -= 1
        try:
            handler.send_response(code)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            if "Transfer_Encoding" not in headers and "Content_Length" not in headers:
                handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            handler.close_connection = "Content_Length" in headers or "Transfer_Encoding" in headers
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had given up


@contextmanager
def served() -> Iterator[Server]:
    """A server that runs as long as the block."""
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def model(server: Server, **options: Any) -> OpenAICompatibleModel:
    return OpenAICompatibleModel("tiny", server.url, **{"backoff": 0.01, "timeout": 5.0, **options})


def ask(text: str = "hello", **options: Any) -> Request:
    return Request((Message("system", "s"), Message("user", text)), **options)
