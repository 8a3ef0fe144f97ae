"""A built board over HTTP, for looking at it on this machine only."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recsim_envs.errors import ConfigurationError


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder, always as they are now."""

    def end_headers(self) -> None:
        """Ask browsers to look again each time: the board may have been built anew."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are nobody's news."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on the loopback address; 0 takes any free port. Raises `ConfigurationError` where there is no board."""
    if not (folder / "index.html").is_file():
        raise ConfigurationError(f"{folder} holds no board; make one with: longrec leaderboard build --out {folder}")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on port {port}: {error.strerror}; pass another --port") from error
