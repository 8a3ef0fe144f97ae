"""The OpenAI-compatible backend against a real, and really faulty, server on loopback."""

from __future__ import annotations

import json
import socket
import time
from email.utils import formatdate
from typing import Any

import pytest

from bilp_agent.llm import Usage
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel
from bilp_agent.llm.registry import load_model
from recsim_envs.errors import ConfigurationError, LanguageModelError
from tests.bilp_agent.llm.servers import KEY, Reply, Server, ask, good, model, status


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
        (200, {"Content_Length": "500"}, b'{"choices": [{"mess'),
        (200, {"Transfer_Encoding": "chunked"}, b'10\r\n{"choices": [{"m\r\nff\r\nhalf a'),
        (200, {}, b'{"choices": [{"message": {"content": ["a"]}, "finish_reason": "stop"}]}'),
        (200, {}, b'{"choices": [{"message": "fine", "finish_reason": "stop"}]}'),
        (200, {}, b'{"choices": "fine"}'),
        (200, {}, b'{"answer": "fine"}'),
        (200, {}, b"\xff\xfe\x00"),
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


def test_a_wish_to_wait_may_be_a_date(server: Server) -> None:
    soon = formatdate(time.time() + 1.6, usegmt=True)  # whole seconds: at least 0.6 from now
    server.replies = [status(429, Retry_After=soon), good()]
    start = time.monotonic()
    model(server).generate([ask()])
    assert time.monotonic() - start >= 0.4


def test_a_text_without_end_is_cut(server: Server) -> None:
    server.replies = [good("x" * 100_000)]
    answer = model(server).generate([ask(max_tokens=10)])[0]
    assert (len(answer.text), answer.finish) == (320, "length")


def test_counts_that_are_none_are_not_measured(server: Server) -> None:
    server.replies = [good(prompt_tokens="nine", completion_tokens=-1, total_tokens=None,
                           prompt_tokens_details={"cached_tokens": 1.5})]  # fmt: skip
    assert model(server).generate([ask()])[0].usage == Usage(None, None, None)
    server.replies = [good(prompt_tokens=5)]
    assert model(server).generate([ask()])[0].usage == Usage(5, None, None)


def overflow(body: dict[str, Any]) -> Reply:
    """A model whose context holds 20 characters, in the words of three servers."""
    if sum(len(m["content"]) for m in body["messages"]) <= 20:
        return good(body["messages"][1]["content"])
    said = {
        "a": {"message": "Please reduce the length of the messages.", "code": "context_length_exceeded"},
        "b": {"message": "This model's maximum context length is 20 tokens.", "code": 400},
        "c": {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"},
    }[body["messages"][1]["content"][0]]
    return 400, {}, json.dumps({"error": said}).encode()


@pytest.mark.parametrize("server_of", ["a", "b", "c"])
def test_a_prompt_that_is_too_long_is_shortened_by_its_priorities(server: Server, server_of: str) -> None:
    server.replies = [overflow]
    request = ask(f"{server_of} keep this |least||less||most|", optional=("|least|", "|less|", "|most|"))
    fits, lost = model(server).generate([request, ask(f"{server_of} " + "y" * 30 + "z", optional=("z",))])
    assert (fits.text, fits.dropped, fits.retries) == (f"{server_of} keep this |most|", 2, 0)
    assert (lost.text, lost.finish, lost.dropped) == ("", "fault", 1)
    assert (lost.fault or "").startswith("context overflow: status 400")


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


def test_a_refused_request_alone_stops_a_run_only_at_its_beginning(server: Server) -> None:
    server.replies = [status(400)]
    made = model(server)
    with pytest.raises(LanguageModelError, match=r"answered none of 1 requests \(status 400: .*no, \[key\]\)"):
        made.generate([ask()])
    server.replies = [(400, {}, b'"model not found"')]
    with pytest.raises(LanguageModelError, match='status 400: "model not found'):  # an error of no known form
        made.generate([ask()])
    server.replies = [good(), status(400)]
    made.generate([ask()])
    assert made.generate([ask()])[0].finish == "fault"
    server.replies = [status(500)]
    with pytest.raises(LanguageModelError, match="answered none"):
        made.generate([ask()])


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
    for url in ("http://me:secret@localhost/v1", "http://localhost/v1?key=secret"):
        with pytest.raises(ConfigurationError, match="which records would show") as raised:
            load_model(f"openai:tiny@{url}")
        assert "secret" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="concurrency"):
        model(server, concurrency=0)
