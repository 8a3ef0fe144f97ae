"""What a session's tallies hold, against sums by hand, and who gets some."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.items import category_shares
from baselines.online.ppo import PPOAgent
from baselines.online.sb3_vec import TALLY, GymVecEnv, PolicyView
from baselines.tally import DECAYS
from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator
from recsim_envs.spec import Budget, Sessions

BOREDOM, RETENTION = "longrec/SlateTopKBored-v0", "longrec/Retention-v0"


def by_hand(steps: list[dict[str, np.ndarray]], env_id: str) -> np.ndarray:
    """Tallies (decays, 1 + signals, categories) of one session from the observations of its steps."""
    task = make_simulator(env_id, 1).task
    shares = category_shares(task.catalogue)
    prefix = "slate_" if env_id == RETENTION else ""
    words = ["clicks", "views"] if env_id == RETENTION else ["clicks"]
    sums = np.zeros((len(DECAYS), 1 + len(words), shares.shape[1]))
    for told in steps:
        sums *= np.array(DECAYS)[:, None, None]
        for slot, item in enumerate(told["slate_items" if prefix else "slate"]):
            if item >= 0 and told.get("length", [1])[0] > 0:  # what boredom shows at first is no answer to an action
                came = [1.0, *(2.0 * told[prefix + word][slot] - 1.0 for word in words)]
                sums += np.outer(came, shares[item])
    return sums


class Recording(GymVecEnv):
    """Keeps the observations themselves, and the last ones of sessions that have ended."""

    def read(self, observations, infos, begun):
        self.told, self.last = observations, infos.get("final_obs")
        return super().read(observations, infos, begun)


def row(observations: dict[str, np.ndarray], lane: int) -> dict[str, np.ndarray]:
    return {key: value[lane] for key, value in observations.items()}


@pytest.mark.parametrize("env_id", [BOREDOM, RETENTION])
def test_training_and_acting_count_what_was_shown_and_what_came_of_it(env_id: str):
    """In lanes whose sessions end at different times, and start again with nothing."""
    lanes, task = 4, make_simulator(env_id, 1).task
    door = MeteredEnvs(env_id, {}, task, Budget(steps=10_000), lambda e, r: 1000 * e + r, split="train")
    env = Recording(door.make(lanes), task)
    agent, steps = PPOAgent(num_envs=2), np.zeros(lanes, np.int64)
    agent.train(MeteredEnvs(env_id, {}, task, Budget(steps=64), lambda e, r: r, split="train"), 0)
    agent.reset(task, lanes, 0)
    states, told, ended = env.reset(), [[] for _ in range(lanes)], 0
    for step in range(120):
        for lane in range(lanes):
            told[lane].append(row(env.told, lane))
            np.testing.assert_allclose(states[TALLY][lane], by_hand(told[lane], env_id), rtol=1e-4, atol=1e-4)
        sessions = Sessions(np.arange(lanes), np.zeros(lanes, np.uint64), steps)
        acting = agent.states(env.told, {}, sessions)
        np.testing.assert_array_equal(acting[TALLY].numpy(), states[TALLY])
        env.step_async(np.random.default_rng(step).integers(task.catalogue.num_items, size=(lanes, task.slate_size)))
        states, _, dones, infos = env.step_wait()
        for lane in np.flatnonzero(dones):
            whole = by_hand([*told[lane], row(env.last, lane)], env_id)
            np.testing.assert_allclose(infos[lane]["terminal_observation"][TALLY], whole, rtol=1e-4, atol=1e-4)
            told[lane], ended = [], ended + 1
        steps = np.where(dones, 0, steps + 1)
    assert ended


def test_only_observations_that_forget_are_tallied():
    kept = {env_id: PolicyView(make_simulator(f"longrec/{env_id}-v0", 1).task).tally for env_id in
            ("Games", "Request", "InterestEvolution", "SingleItemBored", "SlateRerankBored", "Retention")}  # fmt: skip
    assert [name for name, tally in kept.items() if tally is not None] == [
        "SingleItemBored", "SlateRerankBored", "Retention",
    ]  # fmt: skip
