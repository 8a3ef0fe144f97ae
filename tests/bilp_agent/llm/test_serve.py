"""The OpenAI-compatible backend against `transformers serve`, a real server; needs its extra, transformers[serving]."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bilp_agent.llm import Message, Request, load_model
from tests.bilp_agent.llm.tiny import save_tiny_llama

for needed in ("fastapi", "uvicorn", "accelerate"):
    pytest.importorskip(needed)

TEMPLATE = "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}"
PATIENCE = 120  # seconds until the server must be up


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served")
    save_tiny_llama(path)
    (path / "chat_template.jinja").write_text(TEMPLATE)  # the server takes no model without one
    return path


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("transformers")
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(
        [command, "serve", str(folder), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + PATIENCE
        while not _is_up(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < end, "the server is not up yet"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def test_a_served_model_writes_what_it_writes_in_process(url: str, folder: Path) -> None:
    texts = ("hello world", "a", "the user left after the third game")
    requests = [Request((Message("system", "be brief"), Message("user", t)), max_tokens=12) for t in texts]
    over = load_model(f"openai:{folder}@{url}", concurrency=2).generate(requests)
    direct = load_model(f"hf:{folder}", device="cpu").generate(requests)
    assert [(a.text, a.usage.input, a.usage.output) for a in over] == [
        (a.text, a.usage.input, a.usage.output) for a in direct
    ]
