"""Language models: requests at once against ten by ten, and answers that are not asked for again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import pytest

from bilp_agent.llm import Completion, Message, Request, Usage
from bilp_agent.llm.cache import CachedModel
from bilp_agent.llm.cassette import CassetteModel, recording
from bilp_agent.llm.openai_compatible import OpenAICompatibleModel
from bilp_agent.llm.prefix import PrefixMeter
from bilp_agent.llm.scripted import ScriptedModel
from leaderboard.agents import build_agent
from tests.benchmarks.paced_server import LATENCY, SLOTS, paced
from tests.bilp_agent.fakes import kind_world, play

USERS, STEPS = 100, 15  # sessions, and how long each lasts
ANSWERS, CHARACTERS = 2000, 4000  # of a cache: requests, and the length of each prompt


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAICompatibleModel]:
    with paced() as url:
        yield OpenAICompatibleModel("m", url, concurrency=SLOTS)


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


class Rounds:
    """A model that answers at once and notes the batches that it gets: what would have to be waited for."""

    name = "rounds"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.batches.append(len(requests))
        return ScriptedModel().generate(requests)

    @property
    def seconds(self) -> float:
        """A batch takes one latency for each `SLOTS` requests begun; nothing else takes time."""
        return LATENCY * sum(math.ceil(size / SLOTS) for size in self.batches)


PLAYED = [("billp", 10), ("billp-plus", 10), ("billp", USERS), ("billp-plus", USERS)]


@pytest.mark.parametrize(("name", "lanes"), PLAYED)
def test_users(benchmark, monkeypatch, model, name, lanes):
    """Fifteen steps with each user (nobody leaves), `lanes` side by side, nothing learned before.

    "Ten by ten": ten groups of ten users, each played to the end of its longest session before the next begins, and
    in each step a role is asked for the whole group before the next role is: as the published code plays, with `billp`.

    What can be had: a batch of n requests takes ceil(n / 64) rounds of 0.2 s. Ten groups of fifteen steps with three
    roles each are 450 rounds, 90 s. At once, a hundred users need two rounds a batch as long as more than 64 are there.
    `billp` makes three batches a step: 90 rounds, 18 s, 5 times sooner at best. `billp-plus` asks Actor and Critic
    together, and its Planner at the first step, when a plan is over and at surprises. The summary prints the bounds,
    computed from the batches that were made, beside what was measured. The shorter sessions are, the larger the
    Planner's share of them.
    """
    world = kind_world(horizon=STEPS, r_min=0.0, threshold=0.0)
    counted = Rounds()
    monkeypatch.setattr("bilp_agent.llm.source.load_model", lambda *_, **__: counted)
    # Compiles what is compiled at first use, and counts.
    play(build_agent(name, {"model": "scripted"}), world, range(USERS), lanes)
    monkeypatch.undo()
    agent = build_agent(name, {"model": model.name, "model_options": {"concurrency": SLOTS}})
    shown = benchmark.pedantic(play, (agent, world, range(USERS), lanes), rounds=1)
    benchmark.extra_info |= {
        "steps": sum(map(len, shown.values())),
        "calls a decision": agent.describe()["calls_per_decision"],
        "seconds of waiting": counted.seconds,
    }


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
