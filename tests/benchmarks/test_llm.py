"""Language models: requests at once against ten by ten, and answers that are not asked for again."""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from bilp_agent.llm import Completion, Message, Request, Usage
from bilp_agent.llm.cache import CachedModel
from bilp_agent.llm.cassette import CassetteModel, recording
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel
from bilp_agent.llm.prefix import PrefixMeter
from bilp_agent.llm.scripted import ScriptedModel
from leaderboard.agents import build_agent
from tests.bilp_agent.fakes import kind_world, play
from tests.bilp_agent.llm.servers import Reply, good, served

LATENCY, SLOTS = 0.2, 64  # seconds an answer takes; answers that the server works on at once
USERS, STEPS = 100, 5  # sessions, and how long each lasts at most
ANSWERS, CHARACTERS = 2000, 4000  # of a cache: requests, and the length of each prompt


def serve(pipe: Connection) -> None:
    """The scripted writer behind a server in a process of its own, as any real one; it ends when the pipe is closed."""
    slots, writer = threading.Semaphore(SLOTS), ScriptedModel()

    def reply(body: dict[str, Any]) -> Reply:
        messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
        with slots:
            time.sleep(LATENCY)
        return good(writer.generate([Request(messages)])[0].text or "fine")

    with served() as server:
        server.replies = [reply]
        pipe.send(server.url)
        pipe.recv()


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAICompatibleModel]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(there,))
    process.start()
    yield OpenAICompatibleModel("m", here.recv(), concurrency=SLOTS)
    here.send(None)
    process.join()


@pytest.mark.parametrize("lanes", [USERS, 10])
def test_requests(benchmark, model, lanes):
    """One request of each user, `lanes` at a time: a batch waits for its slowest answer."""
    requests = [Request((Message("user", str(i)),)) for i in range(USERS)]
    model.generate(requests)  # opens the connections
    benchmark.extra_info["steps"] = USERS

    def play() -> None:
        for start in range(0, USERS, lanes):
            model.generate(requests[start : start + lanes])

    benchmark.pedantic(play, rounds=3)


@pytest.mark.parametrize(("name", "lanes"), [("billp", 10), ("billp-plus", USERS)])
def test_users(benchmark, model, name, lanes):
    """A session of each user, `lanes` side by side in lock-step, nothing learned before: all that is waited for."""
    world = kind_world(horizon=STEPS, r_min=0.0)
    agent = build_agent(name, {"model": model.name, "model_options": {"concurrency": SLOTS}})
    shown = benchmark.pedantic(play, (agent, world, range(USERS), lanes), rounds=1)
    decisions = sum(map(len, shown.values()))
    benchmark.extra_info |= {"steps": decisions, "calls a decision": agent.describe()["calls_per_decision"]}


class Instant:
    """A model that costs nothing."""

    name = "instant"

    def generate(self, requests):
        return [Completion("fine", Usage(1000, 0, 10)) for _ in requests]


def prompts() -> list[Request]:
    """Prompts that begin alike, as an agent's do."""
    head = "You are the Planner. " * (CHARACTERS // 42)
    tails = [f"Session {i}: " + f"item {i} " * (CHARACTERS // 16) for i in range(ANSWERS)]
    return [Request((Message("system", head), Message("user", tail))) for tail in tails]


@pytest.mark.parametrize("kind", ["cache", "cassette"])
def test_answers_again(benchmark, tmp_path, kind):
    requests = prompts()
    if kind == "cache":
        model = CachedModel(Instant(), tmp_path / "answers.sqlite")
        model.generate(requests)
    else:
        recording(Instant(), tmp_path / "row.cassette").generate(requests)
        model = CassetteModel(tmp_path / "row.cassette")
    benchmark.extra_info["steps"] = ANSWERS
    assert all(answer.from_cache for answer in benchmark(model.generate, requests))


def test_bare_digests(benchmark):
    """What no content-addressed store can do without: hashing the prompts."""
    texts = ["".join(m.content for m in r.messages).encode() for r in prompts()]
    benchmark.extra_info["steps"] = ANSWERS
    benchmark(lambda: [hashlib.sha256(text).hexdigest() for text in texts])


def test_prefix_share(benchmark):
    texts = ["".join(m.content for m in r.messages) for r in prompts()]
    benchmark.extra_info["steps"] = ANSWERS

    def measure() -> None:
        meter = PrefixMeter()
        for text in texts:
            meter.add(text)

    benchmark(measure)
