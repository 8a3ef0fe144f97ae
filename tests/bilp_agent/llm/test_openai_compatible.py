"""The OpenAI-compatible backend against a real, and really faulty, server on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bilp_agent.agent import BiLLPAgent
from bilp_agent.llm import Message, Request, Usage
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel
from bilp_agent.llm.registry import load_model
from bilp_agent.llm.scripted import ScriptedModel
from recsim_envs.errors import ConfigurationError, LanguageModelError
from tests.bilp_agent.fakes import Door, kind_world, play

KEY = "sk-not-a-real-key-0123456789"
Reply = tuple[int, dict[str, str], bytes]


def good(text: str = "fine", **usage: Any) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
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

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1  # one packet an answer, not one a header
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had given up


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def model(server: Server, **options: Any) -> OpenAICompatibleModel:
    return OpenAICompatibleModel("tiny", server.url, **{"backoff": 0.01, "timeout": 5.0, **options})


def ask(text: str = "hello", **options: Any) -> Request:
    return Request((Message("system", "s"), Message("user", text)), **options)


def test_a_good_answer_with_its_usage(server: Server) -> None:
    server.replies = [good(" yes STOP no", prompt_tokens=9, completion_tokens=3, total_tokens=12,
                           prompt_tokens_details={"cached_tokens": 6})]  # fmt: skip
    answer = model(server).generate([ask(max_tokens=7, temperature=0.5, stop=("STOP",), seed=3)])[0]
    assert (answer.text, answer.usage, answer.finish, answer.retries) == ("yes", Usage(9, 6, 3), "stop", 0)
    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}],
            "max_tokens": 7,
            "temperature": 0.5,
            "stop": ["STOP"],
            "seed": 3,
        }
    ]
    assert server.keys == {f"Bearer {KEY}"}


def test_usage_that_is_not_reported_is_not_zero(server: Server) -> None:
    server.replies = [good()]
    assert model(server).generate([ask()])[0].usage == Usage(None, None, None)


def test_answers_keep_their_order_and_concurrency_is_bounded(server: Server) -> None:
    def echo(body: dict[str, Any]) -> Reply:
        time.sleep(0.02)
        return good(body["messages"][1]["content"])

    server.replies = [echo]
    answers = model(server, concurrency=4).generate([ask(str(i)) for i in range(24)])
    assert [a.text for a in answers] == [str(i) for i in range(24)]
    assert 1 < server.most_busy <= 4


@pytest.mark.parametrize(
    "bad",
    [
        status(429),
        status(429, Retry_After="0.05"),
        status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
        status(408),
        status(500),
        status(503),
        (200, {}, b'{"choices": [{"mess'),
        (200, {}, b"[]"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}'),
        (200, {"Content_Type": "text/html"}, b"<html>a proxy says hello</html>"),
        good("   "),
    ],
)
def test_a_passing_fault_is_retried(server: Server, bad: Reply) -> None:
    server.replies = [bad, bad, good()]
    answer = model(server).generate([ask()])[0]
    assert (answer.text, answer.retries) == ("fine", 2)


def test_the_servers_wish_to_wait_is_granted(server: Server) -> None:
    server.replies = [status(429, Retry_After="0.3"), good()]
    start = time.monotonic()
    model(server).generate([ask()])
    assert time.monotonic() - start >= 0.3


def test_one_lasting_fault_does_not_take_the_batch_with_it(server: Server) -> None:
    server.replies = [lambda body: status(500) if body["messages"][1]["content"] == "bad" else good()]
    fine, bad = model(server, retries=2).generate([ask(), ask("bad")])
    assert fine.text == "fine"
    assert (bad.text, bad.finish, bad.fault, bad.retries) == ("", "fault", "status 500, 3 attempts", 2)
    assert len(server.bodies) == 4


def test_a_request_that_the_endpoint_refuses_is_not_repeated(server: Server) -> None:
    server.replies = [lambda body: status(400) if body["messages"][1]["content"] == "long" else good()]
    fine, long = model(server).generate([ask(), ask("long")])
    assert (fine.finish, long.finish, long.retries) == ("stop", "fault", 0)
    assert long.fault is not None
    assert long.fault.startswith("status 400: ")


def test_when_nothing_is_answered_the_run_stops(server: Server) -> None:
    server.replies = [status(500)]
    with pytest.raises(LanguageModelError, match=r"answered none of 2 requests \(status 500, 2 attempts\).*resumes"):
        model(server, retries=1).generate([ask(), ask()])


def test_a_slow_server_times_out(server: Server) -> None:
    def slow(_: dict[str, Any]) -> Reply:
        time.sleep(0.4)
        return good()

    server.replies = [slow, good()]
    answer = model(server, timeout=0.15).generate([ask()])[0]
    assert (answer.text, answer.retries) == ("fine", 1)
    server.replies = [slow]
    with pytest.raises(LanguageModelError, match="timed out, 1 attempts"):
        model(server, timeout=0.1, retries=0).generate([ask()])


@pytest.mark.parametrize(
    ("code", "told"), [(401, "OPENAI_API_KEY to a valid key"), (403, "may not use"), (404, "model's name and the URL")]
)
def test_what_no_retry_mends_stops_at_once(server: Server, code: int, told: str) -> None:
    server.replies = [status(code)]
    made = model(server)
    with pytest.raises(LanguageModelError, match=told) as raised:
        made.generate([ask()])
    assert len(server.bodies) == 1
    for shown in (str(raised.value), made.name, repr(made)):
        assert KEY not in shown


def test_an_unreachable_endpoint_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(LanguageModelError, match=r"cannot connect to http://127\.0\.0\.1.*endpoint is up"):
        OpenAICompatibleModel("tiny", url, retries=1, backoff=0.01).generate([ask()])


def test_keys_come_from_the_environment_only(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(LanguageModelError, match="environment variable OPENAI_API_KEY"):
        load_model("openai:tiny")
    monkeypatch.setenv("OTHER_KEY", "another")
    server.replies = [good()]
    made = load_model(f"openai:tiny@{server.url}", key_variable="OTHER_KEY")
    assert made.generate([ask()])[0].text == "fine"
    assert made.generate([]) == []
    assert server.keys == {"Bearer another"}
    assert made.name == f"openai:tiny@{server.url}/"
    with pytest.raises(ConfigurationError, match="concurrency"):
        model(server, concurrency=0)


def test_the_whole_agent_over_http_equals_the_agent_in_process(server: Server, tmp_path: Path) -> None:
    def scripted(body: dict[str, Any]) -> Reply:
        messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
        return good(ScriptedModel().generate([Request(messages)])[0].text, prompt_tokens=5, completion_tokens=2)

    server.replies = [scripted]
    world, played = kind_world(), []
    for name in ("scripted", f"openai:tiny@{server.url}"):
        agent = BiLLPAgent(model=name, train_lanes=3)
        agent.train(Door(world, 4), 0)
        played.append((play(agent, world, range(3), 3), agent._memories.planner.records))
    assert played[0] == played[1]
    usage = agent.describe()["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (5 * usage["calls"], 2 * usage["calls"])
    agent.save(tmp_path)
    assert all(KEY not in file.read_text("utf-8") for file in tmp_path.iterdir())
