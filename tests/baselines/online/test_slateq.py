"""SlateQ: what it reads, learns and shows on every kind of environment, and how it stops and goes on."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.online.checkpoints import FILE
from baselines.online.replay import ReplayRing
from baselines.online.responses import ResponseReader
from baselines.online.slateq import SlateQAgent, _Training
from baselines.online.slateq_play import SlatePlay
from baselines.tuned import filled
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.families import make_family
from recsim_envs.spec import Budget, TaskSpec
from tests.baselines.online.test_resume import KillError, door, killed_after
from tests.baselines.support import FakeDoor
from tests.baselines.test_families import options, played

SLATES = ["SlateTopKBored-v0", "SlateRerankUncertain-v0", "Session-v0", "Retention-v0"]
CANDIDATES = ["InterestEvolution-v0", "InterestExploration-v0", "LongTermSatisfaction-v0"]
EVOLUTION = "longrec/InterestEvolution-v0"


def fake_door(env_id: str, budget: Budget, **more) -> FakeDoor:
    family, known = options(env_id)
    known = known | more
    return FakeDoor(known.pop("world", None), budget, family=family, **known)


def training_of(agent: SlateQAgent, envs: FakeDoor) -> _Training:
    return _Training(filled(agent, envs.task, agent.general), envs, 0)


@pytest.mark.parametrize("env_id", [*SLATES, *CANDIDATES, "SingleItemBored-v0", "GamesClicks-v0"])
def test_plays_every_kind_alike_whatever_the_lanes(env_id: str):
    agent = SlateQAgent(num_envs=8, embedding_dim=8, hidden=16, learning_starts=16)
    agent.train(fake_door(env_id, Budget(steps=200)), seed=1)
    assert agent.describe()["gradient_updates"] == 2 * (25 - 1)
    once = played(agent, env_id, 5, np.arange(5))
    assert played(agent, env_id, 2, np.array([3, 0, 4, 2, 1])) == once
    assert all(len(set(slate)) == len(slate) for session in once for slate in session)
    single = env_id in ("SingleItemBored-v0", "GamesClicks-v0")
    assert agent.describe()["form"] == ("sure" if single else "one" if env_id in CANDIDATES else "many")


@pytest.mark.parametrize("env_id", [*SLATES, *CANDIDATES])
def test_what_was_taken_is_read_of_the_slate_that_was_shown(env_id: str):
    """Also in the step in which a session ends; rewards, where each is for something that was taken, tell."""
    fake = fake_door(env_id, Budget(), horizon=5)
    play = SlatePlay(fake.make(16), fake.task)
    play.begin(3)
    ends, taken, rewards = 0, [], []
    for step in range(30):
        slates = np.stack(
            [np.random.default_rng([step, b]).permutation(fake.task.catalogue.num_items) for b in range(16)]
        )
        slates = slates[:, : fake.task.slate_size].astype(np.int64)
        running = play.running_return.copy()
        came = play.play(slates)  # refuses where the slate is not the one that the observation lists
        ends += int((play.running_length == 0).sum())
        np.testing.assert_array_equal(came["slates"], slates)
        earned = np.where(play.running_length == 0, np.nan, play.running_return - running)
        taken.append(came["taken"])
        rewards.append(earned)
        if env_id in ("SlateTopKBored-v0", "SlateRerankUncertain-v0"):
            told = ~np.isnan(earned)
            np.testing.assert_array_equal(came["taken"].sum(axis=1)[told], earned[told])
            np.testing.assert_allclose(came["rewards"] * 10, came["taken"].sum(axis=1), atol=1e-5)
        if env_id in CANDIDATES:
            assert (came["taken"].sum(axis=1) <= 1).all()
            np.testing.assert_array_equal(came["taken"].any(axis=1), came["rewards"] > 0)
        if env_id == "Session-v0":
            assert (came["rewards"][~came["taken"].any(axis=1)] == 0).all()
    assert ends >= 16 * 5
    assert np.concatenate(taken).any()
    assert len(play.returns) == ends


def test_slates_of_which_nothing_tells_what_was_taken_are_refused_before_training():
    task = make_family("boredom", 1, layout="topk").task
    parts = {key: box for key, box in task.observation_space.items() if key != "clicks"}
    silent = TaskSpec(**(vars(task) | {"observation_space": type(task.observation_space)(parts)}))
    with pytest.raises(AgentError, match="nothing in its observations tells which of their items were taken"):
        SlateQAgent().check(silent)
    other = np.zeros((1, 10), np.int64)
    with pytest.raises(AgentError, match="does not list the last slate at the end of 'slate'"):
        ResponseReader(task).require_shown({"slate": other + 1, "length": other[:, :1] + 1}, other)


def test_choice_and_worth_are_those_of_the_dynamics():
    """Without discount an item is worth its watch time, 4 of 4, and a state nothing; users choose by u + 1."""
    agent = SlateQAgent(gamma=0.0, num_envs=128, initial_epsilon=1.0, final_epsilon=1.0, learning_rate=3e-3)
    envs = fake_door("InterestEvolution-v0", Budget(steps=16_000))
    agent.train(envs, 0)
    agent.reset(envs.task, 1, 0)
    observations, infos = envs.make(256).reset(seed=9)
    states = {k: torch.from_numpy(v) for k, v in agent._view.read(observations, infos).items()}
    with torch.no_grad():
        state, worth = agent._policy.value(states)
        appeal = agent._policy.appeal(states)[:, :2].exp().numpy()
    assert state.abs().mean() < 0.05
    assert (worth - 1).abs().mean() < 0.1
    liked = np.take_along_axis(observations["user_interests"], observations["candidate_topics"], axis=1)[:, :2] + 1
    true = liked / (2 + liked.sum(axis=1, keepdims=True))
    learned = appeal / (1 + appeal.sum(axis=1, keepdims=True))
    assert np.abs(learned - true).mean() < np.abs(true.mean() - true).mean()
    assert np.corrcoef(learned.ravel(), true.ravel())[0, 1] > 0.5  # still learning


def test_targets_are_those_of_a_search_through_all_slates():
    envs = fake_door("InterestEvolution-v0", Budget(steps=640))
    training = training_of(SlateQAgent(num_envs=32, learning_rate=0.02), envs)
    while not envs.spent():
        training.step()
    rows = training._tensors(training._replay.sample(5, 64))
    after = {key[5:]: value for key, value in rows.items() if key.startswith("next ")}
    with torch.no_grad():
        wanted = training._wanted(rows, after).numpy()
        state, valued = (t.numpy() for t in training._target(after))
        appeal, worth = np.exp(training.net.appeal(after).numpy()), training.net.value(after)[1].numpy()
    for b in range(64):
        share = {s: appeal[b, list(s)] / (1 + appeal[b, list(s)].sum()) for s in combinations(range(10), 2)}
        best = max(share, key=lambda s: share[s] @ worth[b, list(s)])
        future = 0.0 if rows["terminated"][b] else state[b] + share[best] @ valued[b, list(best)]
        assert wanted[b] == pytest.approx(float(rows["rewards"][b]) + 0.9 * future, abs=1e-5)


def test_slots_explore_one_by_one_and_slates_hold_no_item_twice():
    agent = SlateQAgent(initial_epsilon=0.3, final_epsilon=0.3, learning_starts=0)
    training = training_of(agent, fake_door("SlateTopKBored-v0", Budget(steps=10_000)))
    slates, shares = training._slates(), []
    best = training.net.best(training._tensors(training.play.states), "one", "exact").numpy()
    shares.append((slates != best).mean())
    assert 0.15 < np.mean(shares) < 0.45
    assert all(len(set(slate)) == 10 for slate in slates.tolist())


def test_attention_never_rises_from_slot_to_slot():
    training = training_of(SlateQAgent(), fake_door("SlateTopKBored-v0", Budget(steps=2_000)))
    with torch.no_grad():
        training.net.fading += torch.linspace(-4, 4, 9)
        attention = training.net.attention()
    assert attention[0] == 1
    assert (attention.diff() <= 0).all()


@pytest.mark.parametrize("env_id", [EVOLUTION, "longrec/SlateTopKBored-v0"])
def test_stopped_again_and_again_it_ends_in_the_same_bits(env_id: str, tmp_path: Path):
    def agent() -> SlateQAgent:
        return SlateQAgent(num_envs=16, checkpoint_seconds=0.0, buffer_size=600)

    whole, whole_door = agent(), door(env_id, None)
    whole.train(whole_door, 0)
    for steps in (21, 34):
        with pytest.raises(KillError):
            agent().train(killed_after(door(env_id, tmp_path), steps), 0)
    last, envs = agent(), door(env_id, tmp_path)
    last.train(envs, 0)
    assert (envs.used_steps, envs.used_episodes) == (whole_door.used_steps, whole_door.used_episodes)
    assert last.describe() == whole.describe()
    assert all(torch.equal(last._weights[k], whole._weights[k]) for k in whole._weights)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch):
    agent = SlateQAgent(num_envs=16, checkpoint_seconds=0.0)
    with pytest.raises(KillError):
        agent.train(killed_after(door(EVOLUTION, tmp_path), 40), 0)
    good = (tmp_path / FILE).read_bytes()
    play = SlatePlay.play
    monkeypatch.setattr(
        SlatePlay, "play", lambda self, slates: play(self, slates) | {"rewards": np.full(16, np.nan, np.float32)}
    )
    with pytest.raises(AgentError, match=r"the loss is no finite number after \d+ steps and \d+ updates"):
        SlateQAgent(num_envs=16, checkpoint_seconds=1e9).train(door(EVOLUTION, tmp_path), 0)
    assert (tmp_path / FILE).read_bytes() == good


def test_unknown_optimisers_are_refused_at_construction():
    with pytest.raises(ConfigurationError, match="optimiser must be one of"):
        SlateQAgent(optimiser="simplex")


def test_replay_keeps_the_latest_rows_and_draws_without_a_generator():
    replay = ReplayRing(5, seed=3)
    for start in (0, 3, 6):
        replay.add({"x": np.arange(start, start + 3), "y": np.ones((3, 2), np.float32)})
    assert sorted(replay.arrays["x"].tolist()) == [4, 5, 6, 7, 8]
    replay.add({"x": np.arange(100, 112), "y": np.zeros((12, 2), np.float32)})
    assert sorted(replay.arrays["x"].tolist()) == [107, 108, 109, 110, 111]
    drawn = replay.sample(7, 1000)["x"]
    assert set(drawn.tolist()) == {107, 108, 109, 110, 111}
    np.testing.assert_array_equal(replay.sample(7, 1000)["x"], drawn)
    assert (replay.sample(8, 1000)["x"] != drawn).any()
    again = ReplayRing(5, seed=3)
    again.refill({key: array.copy() for key, array in replay.arrays.items()}, replay.added)
    np.testing.assert_array_equal(again.sample(7, 1000)["x"], drawn)
