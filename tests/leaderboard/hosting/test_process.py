"""Processes and servers: limits hold, failures have names, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from leaderboard.ends import CRASHED, OUT_OF_MEMORY, TIMED_OUT
from leaderboard.hosting.failures import AgentLostError, ProtocolError
from leaderboard.hosting.process import Process
from leaderboard.hosting.server import Server
from leaderboard.schema import Isolation
from recsim_envs.errors import AgentError, ConfigurationError

EATS = "x = [b'x' * 2**20 for _ in range(10**6)]"
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


def process(code: str, **limits) -> Process:
    return Process((sys.executable, "-c", code), Isolation(**limits))


def test_messages_go_there_and_back():
    agent = process(ECHO)
    long = {"text": "x" * 2**20}  # more than a pipe holds
    for message in ({"a": 1}, long, {"b": [2.5, None, "ü"]}):
        assert agent.exchange(message, 30.0) == message
    agent.close()


@pytest.mark.parametrize(
    ("code", "cause", "text"),
    [
        ("import time; time.sleep(60)", TIMED_OUT, "no answer within 0.5 s"),
        ("import sys, time; print('dear me', file=sys.stderr, flush=True); time.sleep(60)", TIMED_OUT, "dear me"),
        ("raise RuntimeError('no')", CRASHED, "exit status 1; its last words: .*RuntimeError: no"),
        ("import os; os.kill(os.getpid(), 11)", CRASHED, "it ended by signal SIGSEGV"),
        ("import os, time; os.close(1); time.sleep(60)", CRASHED, "it closed its stdout"),
        (
            "print('{\"a\": 1}', flush=True); import time; time.sleep(60)",
            CRASHED,
            "answered before it was told everything",
        ),
        (EATS, OUT_OF_MEMORY, "MiB of memory, and may use 64|MemoryError"),
        (
            f"import subprocess, sys; subprocess.run([sys.executable, '-c', {EATS!r}])",
            OUT_OF_MEMORY,
            "MiB of memory, and may use 64|MemoryError",
        ),
    ],
)
def test_failures_have_names(code, cause, text):
    agent = process(code, memory_mb=64)
    with pytest.raises(AgentLostError, match=text) as caught:
        agent.exchange({"text": "x" * 2**20}, 0.5 if cause == TIMED_OUT else 60.0)
    assert caught.value.cause == cause


def test_unasked_words_are_no_answer():
    agent = process("import time; input(); print('{}', flush=True); time.sleep(0.2); print('{}', flush=True); input()")
    assert agent.exchange({}, 30.0) == {}
    time.sleep(1.0)
    with pytest.raises(ProtocolError, match="it said more than it was asked for"):
        agent.exchange({}, 30.0)


def test_stderr_may_be_long():
    agent = process(
        "import sys\nfor line in sys.stdin: print('w' * 10**6, file=sys.stderr); print(line, end='', flush=True)"
    )
    assert [agent.exchange({"n": n}, 30.0) for n in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    agent.close()


def test_commands_that_are_not_there():
    with pytest.raises(AgentError, match="command 'no-such-program' is not there"):
        Process(("no-such-program",), Isolation())


def test_the_end_takes_all_that_was_started(tmp_path):
    code = (
        "import os, subprocess, sys; from pathlib import Path\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'])\n"
        "for line in sys.stdin: print('{\"pids\": [%d, %d]}' % (os.getpid(), child.pid), flush=True)\n"
        "import time; time.sleep(120)"
    )
    agent = process(code)
    pids = agent.exchange({}, 30.0)["pids"]
    assert all(map(runs, pids))
    agent.close()
    wait_for(lambda: not any(map(runs, pids)))


@pytest.mark.skipif(
    not Path("/usr/bin/setpriv").exists(), reason="SETPRIV ABSENT: a hung agent outlives a killed harness"
)
def test_a_killed_harness_leaves_no_agent(tmp_path):
    hangs = "import os, time; open(os.environ['PID'], 'w').write(str(os.getpid())); time.sleep(120)"
    code = (
        "import sys; from leaderboard.hosting.process import Process; from leaderboard.schema import Isolation\n"
        f"Process((sys.executable, '-c', {hangs!r}), Isolation()).exchange({{}}, None)"
    )
    file = tmp_path / "pid"
    harness = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PID": str(file)}, cwd=Path(__file__).parents[3]
    )
    wait_for(lambda: file.exists() and file.read_text().isdigit())
    pid = int(file.read_text())
    assert runs(pid)
    harness.kill()
    harness.wait()
    wait_for(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@contextmanager
def serving(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()
            with suppress(OSError):  # whoever asked has gone
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/agent"
        server.shutdown()


def test_servers_answer():
    with serving(lambda body: (200, body)) as address:
        server = Server(address)
        assert [server.exchange({"n": n}, 30.0) for n in range(2)] == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize(
    ("answer", "cause", "text"),
    [
        (lambda _: (500, b"out of ideas"), CRASHED, "it answered with status 500: out of ideas"),
        (lambda _: (200, b"hello"), CRASHED, "'hello' is no line of JSON"),
        (lambda _: (200, b'{"bytes": 5}\n123'), CRASHED, "does not end where its message does"),
        (lambda _: (200, b" " * (2**24 + 1)), CRASHED, "more than 16 MiB"),
        (lambda _: (time.sleep(2), (200, b"{}"))[1], TIMED_OUT, "no answer within 0.5 s"),
    ],
)
def test_failures_of_servers_have_names(answer, cause, text):
    with serving(answer) as address, pytest.raises(AgentLostError, match=text) as caught:
        Server(address).exchange({}, 0.5 if cause == TIMED_OUT else 30.0)
    assert caught.value.cause == cause


def test_servers_that_are_not_there():
    with serving(lambda body: (200, body)) as address:
        pass
    with pytest.raises(AgentLostError, match="does not answer: Connection refused; is the server running"):
        Server(address).exchange({}, 5.0)


@pytest.mark.parametrize(
    "address", ["http://", "http://me:secret@host/", "http://host/?token=secret", "http://host:port"]
)
def test_addresses_that_are_none(address):
    with pytest.raises(ConfigurationError) as caught:
        Server(address)
    assert "secret@" not in str(caught.value)
    assert "token" not in str(caught.value)
