"""The OpenAI-compatible backend when it waits, is asked by several at once, or serves a whole agent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from bilp_agent.agent import BiLLPAgent
from bilp_agent.llm import Message, Request
from bilp_agent.llm.registry import load_model
from bilp_agent.llm.scripted import ScriptedModel
from recsim_envs.errors import LanguageModelError
from tests.bilp_agent.fakes import Door, kind_world, play
from tests.bilp_agent.llm.servers import KEY, Reply, Server, ask, good, model, status
from tests.bilp_agent.llm.tiny import save_tiny_llama


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


def test_bytes_that_trickle_in_time_out(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(40):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    server.answer = drip  # type: ignore[method-assign]
    start = time.monotonic()
    with pytest.raises(LanguageModelError, match="timed out, 1 attempts"):
        model(server, timeout=0.3, retries=0).generate([ask()])
    assert time.monotonic() - start < 1.5


def test_a_wrong_key_ends_what_else_is_under_way(server: Server) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        if body["messages"][1]["content"] == "0":
            return status(401)
        time.sleep(0.2)
        return good()

    server.replies = [reply]
    with pytest.raises(LanguageModelError, match="status 401"):
        model(server, concurrency=2).generate([ask(str(i)) for i in range(40)])
    time.sleep(0.3)
    assert len(server.bodies) < 6


def test_threads_and_other_loops_may_ask_at_once(server: Server) -> None:
    def echo(body: dict[str, Any]) -> Reply:
        time.sleep(0.02)
        return good(body["messages"][1]["content"])

    server.replies = [echo]
    made = model(server, concurrency=3)

    async def inside() -> str:
        return made.generate([ask("loop")])[0].text

    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda i: made.generate([ask(f"{i}")])[0].text, range(8)))
    assert texts == [str(i) for i in range(8)]
    assert server.most_busy <= 3
    assert asyncio.run(inside()) == "loop"


def test_a_model_that_is_let_go_leaves_no_thread(server: Server) -> None:
    def loops() -> set[threading.Thread]:
        return {t for t in threading.enumerate() if t.name == "longrec-llm"}

    before = loops()
    server.replies = [good()]
    made = model(server)
    made.generate([ask()])
    assert len(loops() - before) == 1
    del made
    gc.collect()
    assert not loops() - before


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


def test_a_language_model_behind_a_real_server_equals_itself(server: Server, tmp_path: Path) -> None:
    """The tiny Llama served over HTTP: words, token counts, stop strings, seeds and the limits of its context."""
    save_tiny_llama(tmp_path)
    behind, lock = load_model(f"hf:{tmp_path}", device="cpu"), threading.Lock()

    def serve(body: dict[str, Any]) -> Reply:
        messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
        request = Request(
            messages, body["max_tokens"], body["temperature"], tuple(body.get("stop", ())), body.get("seed")
        )
        with lock:
            answer = behind.generate([request])[0]
        if answer.finish == "fault":
            return 400, {}, json.dumps({"error": {"message": answer.fault, "code": "context_length_exceeded"}}).encode()
        return good(answer.text, answer.finish, prompt_tokens=answer.usage.input, completion_tokens=answer.usage.output,
                    prompt_tokens_details={"cached_tokens": answer.usage.cached,
                                           "cache_write_tokens": answer.usage.written})  # fmt: skip

    server.replies = [serve]
    requests = [
        ask("hello", max_tokens=12),
        ask("hello", max_tokens=12, temperature=1.0, seed=3),
        ask("a" * 100 + "b" * 150, max_tokens=12, optional=("b" * 150,)),
        ask("a" * 300, max_tokens=12),
    ]
    over, direct = model(server).generate(requests), behind.generate(requests)
    assert [(a.text, a.finish, a.dropped) for a in over] == [(a.text, a.finish, a.dropped) for a in direct]
    assert [a.usage for a in over[:3]] == [a.usage for a in direct[:3]]
    assert over[3].fault is not None
