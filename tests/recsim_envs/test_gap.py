"""The horizon gap: its policies, its search for a cycle, its intervals; pages agree with what was measured."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import recsim_envs
from recsim_envs import cycles, rng
from recsim_envs.families.base import Simulator, Step
from recsim_envs.gap import RANKED_FROM, horizon_gap, interval
from recsim_envs.ids import BUILTIN, builtin_ids
from recsim_envs.markets import registered_markets
from recsim_envs.measured import all_measured, data_of, measured
from recsim_envs.pages import all_pages, slug
from recsim_envs.policies import fixed_cycle, play, popular, random_actions, uniform
from recsim_envs.spec import Catalogue, TaskSpec
from tests.worlds import tiny_world

DOCS = Path(__file__).resolve().parents[2] / "docs" / "environments"


class Patience(Simulator):
    """Item 0 pays 1 and ends the session, item 1 pays 0.3 and lets it go on for ten steps: a gap that is known."""

    def __init__(self, num_lanes, *, split="train", env_id=""):
        from gymnasium import spaces

        self.num_lanes = num_lanes
        observation = spaces.Dict({"length": spaces.Box(0, 10, (1,), np.int32)})
        self.task = TaskSpec(
            env_id, observation, spaces.Discrete(2), Catalogue.of_slots(2), 10, "FB", (0.0, 1.0), "tests"
        )
        self.steps, self.done = np.zeros(num_lanes, np.int64), np.ones(num_lanes, np.bool_)

    def begin(self, lanes, seeds):
        self.steps[lanes], self.done[lanes] = 0, False

    def step(self, actions):
        rewards = np.where(self.done, 0.0, np.where(actions == 0, 1.0, 0.3))
        self.steps += ~self.done
        self.done |= (actions == 0) | (self.steps >= 10)
        return Step(rewards, self.done & (self.steps < 10), self.done & (self.steps >= 10))

    def observe(self):
        return {"length": self.steps[:, None].astype(np.int32)}

    @property
    def over(self):
        return self.done.copy()

    def causes(self, lanes=slice(None)):
        return np.where(self.done, "left", "").astype(object)[lanes]

    def hidden(self):
        return {}

    def render_ansi(self, lane):
        return ""

    def references(self):
        return {
            "myopic": lambda: lambda: np.zeros(self.num_lanes, np.int64),
            "planner": lambda: lambda: np.ones(self.num_lanes, np.int64),
        }


def test_a_gap_that_is_known():
    recsim_envs.register("tests/Patience-v0", family=f"{__name__}:Patience")
    gap = horizon_gap("tests/Patience-v0", episodes=50)
    assert gap.scores["myopic"].value == 1.0
    assert gap.scores["planner"].value == pytest.approx(3.0)
    assert gap.gap.value == pytest.approx((3.0 - 1.0) / 3.0)
    assert gap.best_myopic == "myopic"
    assert gap.ranked
    assert gap.lengths["planner"] == 10
    assert gap == horizon_gap("tests/Patience-v0", episodes=50)


def test_the_best_cycle_is_the_best_of_all_on_a_world_that_is_small():
    world = tiny_world(items=7)

    def make(lanes):
        return recsim_envs.families.make_family("departure", lanes, world=world, split="train", window=2, horizon=12)

    pool = np.arange(7)
    search = cycles._Search(make, pool, 3)
    every = [np.array(c) for n in range(1, 4) for c in itertools.product(range(7), repeat=n)]
    values = np.array([search.play(c[None], cycles.FINAL_SESSIONS)[0] for c in every])
    found = cycles.best_cycle(make, 3)
    assert search.play(found[None], cycles.FINAL_SESSIONS)[0] >= values.max() * 0.97


def test_policies_without_knowledge():
    simulator = recsim_envs.make_simulator("longrec/Games-v0", 5)
    keys = np.arange(5, dtype=np.uint64)
    simulator.begin(np.arange(5), keys)
    ranking = np.argsort(-simulator.task.catalogue.popularity, kind="stable")
    top = popular(simulator)
    assert [top()[0] for _ in range(3)] == ranking[:3].tolist()
    cycle = fixed_cycle(simulator, np.array([4, 2]))
    assert [cycle()[1] for _ in range(5)] == [4, 2, 4, 2, 4]
    chance = uniform(simulator, keys)
    assert np.array_equal(chance(), random_actions(simulator, keys, 0))
    assert np.array_equal(chance(), random_actions(simulator, keys, 1))


def test_a_forbidden_item_of_a_cycle_is_replaced():
    simulator = recsim_envs.make_simulator("longrec/Games-v0", 4, protocol="NX_0")
    returns, steps = play(simulator, lambda: fixed_cycle(simulator, np.array([3])), np.arange(4, dtype=np.uint64))
    assert (steps > 1).all()
    assert (returns >= 0).all()


def test_intervals_are_those_of_a_cluster_bootstrap():
    values = rng.normal_array(1, np.arange(400), rng.POLICY)
    found = interval(np.arange(400), lambda mean: mean, values)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / 20)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)
    doubled = interval(np.repeat(np.arange(400), 2), lambda mean: mean, np.repeat(values, 2))
    assert doubled == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("env_id", [*builtin_ids(), *registered_markets()])
def test_what_was_measured_belongs_to_the_data_of_today(env_id):
    gap = measured(env_id)
    assert gap is not None, f"run: longrec envs measure {env_id} --write"
    assert all_measured()[env_id]["data"] == data_of(env_id)
    assert gap.ranked == (gap.gap.value >= RANKED_FROM)
    assert gap.scores["planner"].value >= gap.scores["random"].value


def test_measurements_can_be_repeated():
    """The cheapest id, measured again: the same figures to the digits that the file keeps."""
    gap = measured("longrec/Games-v0")
    again = horizon_gap("longrec/Games-v0", episodes=gap.episodes, seed=gap.seed)
    assert again.cycle == gap.cycle
    for name, score in gap.scores.items():
        assert tuple(again.scores[name]) == pytest.approx(tuple(score), rel=1e-5)


def test_pages_are_what_code_docstrings_and_measurements_say():
    pages = all_pages()
    assert {path.name for path in DOCS.iterdir()} == set(pages), "run: longrec envs pages --out docs/environments"
    for name, text in pages.items():
        assert (DOCS / name).read_text("utf-8") == text, f"{name}: run longrec envs pages --out docs/environments"


def test_every_id_has_its_own_page():
    assert len({slug(env_id) for env_id in builtin_ids()}) == len(BUILTIN)
    assert slug("longrec/SlateTopKBored-v0") == "slate-top-k-bored"
