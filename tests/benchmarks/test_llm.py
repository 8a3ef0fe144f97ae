"""Language models: requests at once against ten by ten, and answers that are not asked for again."""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from bilp_agent.llm import Completion, Message, Request, Usage
from bilp_agent.llm.cache import CachedModel
from bilp_agent.llm.cassette import CassetteModel, recording
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel
from bilp_agent.llm.prefix import PrefixMeter
from tests.bilp_agent.llm.servers import good, served

LATENCY, SLOTS = 0.2, 64  # seconds an answer takes; answers that the server works on at once
USERS = 100
ANSWERS, CHARACTERS = 2000, 4000  # of a cache: requests, and the length of each prompt


def serve(pipe: Connection) -> None:
    """A server in a process of its own, as any real one; it ends when the pipe is closed."""
    slots = threading.Semaphore(SLOTS)

    def reply(_: object) -> tuple[int, dict[str, str], bytes]:
        with slots:
            time.sleep(LATENCY)
        return good()

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
    yield OpenAICompatibleModel("m", here.recv(), concurrency=USERS)
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
