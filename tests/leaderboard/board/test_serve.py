"""The preview of a board: on this machine only, always as the folder is now."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from leaderboard.board.serve import server
from recsim_envs.errors import ConfigurationError


def test_it_serves_the_folder_as_it_is_now_and_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "index.html").write_text("one")
    (tmp_path / "secret").write_text("secret")
    with server(tmp_path / "board", 0) as running:
        assert running.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{running.server_port}"
            for text in ("one", "two"):
                (tmp_path / "board" / "index.html").write_text(text)
                with urllib.request.urlopen(address) as answer:
                    assert answer.read().decode() == text
                    assert answer.headers["Cache-Control"] == "no-cache"
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{address}/..%2fsecret")
        finally:
            running.shutdown()
            thread.join()


def test_without_a_board_or_a_free_port_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no board"):
        server(tmp_path, 0)
    (tmp_path / "index.html").touch()
    with server(tmp_path, 0) as running, pytest.raises(ConfigurationError, match="pass another --port"):
        server(tmp_path, running.server_port)
