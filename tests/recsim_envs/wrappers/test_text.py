"""Text in and text out: within the budget, never empty, and what is named is what is shown."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recsim_envs  # noqa: F401
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.text.budget import count_tokens, cut
from recsim_envs.wrappers import (
    CandidateSet,
    FlattenSlate,
    NoRepeat,
    TextAction,
    TextObservation,
    VectorTextObservation,
)
from tests.recsim_envs.wrappers.slates import FAMILY


@given(st.text(max_size=80), st.integers(1, 30))
def test_a_cut_text_is_within_its_budget(text, budget):
    short = cut(text, budget)
    assert count_tokens(short) <= budget
    assert short == text if count_tokens(text) <= budget else short.endswith("…")


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (" \n", 0), ("four", 1), ("fives", 2), ("a-b_c", 5), ("Ünïcödé", 2), ("…!", 2)]
)
def test_tokens_are_counted(text, count):
    assert count_tokens(text) == count


def test_an_observation_as_text():
    env = TextObservation(SimulatorEnv(family=FAMILY))
    text, _ = env.reset(seed=1)
    assert text.splitlines()[0] == "taste:"
    assert text.endswith("session: nothing")
    text, reward, *_ = env.step(np.array([0, 2]))
    first, second = text.splitlines()[-2:]
    assert first.startswith('- "Title Alpha" | red | rating 1.00 | reward 0.')
    assert second.startswith('- "Title Gamma" | blue | rating 2.60 | reward 0.')
    assert float(first.split()[-1]) + float(second.split()[-1]) == pytest.approx(reward, abs=1e-3)
    assert env.observation_space.contains(text)


def test_the_oldest_lines_are_dropped_first_and_counted():
    whole = TextObservation(gym.make("longrec/Games-v0"), max_tokens=10_000)
    full, _ = whole.reset(seed=3)
    lines = full.splitlines()
    for budget in (400, 200, 100, 60):
        text, _ = TextObservation(gym.make("longrec/Games-v0"), max_tokens=budget).reset(seed=3)
        short = text.splitlines()
        assert count_tokens(text) <= budget
        assert short[:2] == lines[:2] == ["length: 0", "history:"]
        if "left out" in text:
            dropped = int(short[2].split()[1])
            assert short[3:] == lines[2 + dropped :]
            fewer = lines[:2] + [f"- {dropped - 1} earlier left out"] * (dropped > 1) + lines[1 + dropped :]
            assert count_tokens("\n".join(fewer)) > budget  # no line is dropped without need


@given(st.integers(32, 300), st.integers(0, 2**32))
def test_a_text_is_within_any_budget_and_never_empty(budget, seed):
    env = TextObservation(SimulatorEnv(family=FAMILY), max_tokens=budget)
    for text in (env.reset(seed=seed)[0], env.step(np.array([1, 1]))[0]):
        assert 0 < count_tokens(text) <= budget
        assert env.observation_space.contains(text)


def test_feedback_stands_beside_the_items():
    env = TextObservation(gym.make("longrec/SlateTopKBored-v0"), max_tokens=10_000)
    text, _ = env.reset(seed=0)
    text, reward, *_ = env.step(np.arange(10))
    lines = text.splitlines()[text.splitlines().index("slate:") + 1 :]
    assert len(lines) == 10
    assert sum(float(line.rpartition("| click ")[2]) for line in lines) == reward


def test_candidates_are_listed_by_their_numbers():
    env = TextObservation(CandidateSet(gym.make("longrec/Games-v0"), num_candidates=3))
    text, _ = env.reset(seed=1)
    assert text.splitlines()[0] == "candidates:"
    assert [line[:4] for line in text.splitlines()[1:4]] == ["- 0:", "- 1:", "- 2:"]


def test_a_vector_environment_gives_a_tuple_of_texts():
    env = VectorTextObservation(SimulatorVectorEnv(3, family=FAMILY))
    texts, _ = env.reset(seed=1)
    assert isinstance(texts, tuple)
    assert len({*texts}) == 3


@pytest.mark.parametrize(
    "action",
    [["Title Beta", "title DELTA!"], "Title Beta\nTitle Delta", "\nTitle Bta\n  titel delta \n", ("beta", "delta")],
)
def test_titles_are_found_however_they_are_spelled(action):
    env = TextAction(SimulatorEnv(family=FAMILY))
    env.reset(seed=0)
    observation, *_ = env.step(action)
    assert observation["session_items"][-2:].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("loosest", "good", "bad"),
    [("exact", "Title Beta", "title beta"), ("normalised", "title beta", "Title Bta"), ("fuzzy", "Title Bta", "beta")],
)
def test_how_loosely_titles_are_matched(loosest, good, bad):
    env = TextAction(SimulatorEnv(family=FAMILY), loosest=loosest)
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=r"nearest titles are 'Title Beta'"):
        env.step([good, bad])
    assert env.step([good, good])[0]["session_items"][-1] == 1


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (["qqq", "Title Beta"], "'qqq' names no item that may be shown; the nearest titles are"),
        (["", "Title Beta"], "'' names no item"),
        ("Title Beta", "1 titles were given; name 2"),
        (["Title Beta"] * 3, "3 titles were given; name 2"),
        ([1, 2], "must be a text or a list of titles"),
        (["Title Beta", None], "must be a text or a list of titles"),
    ],
)
def test_what_cannot_be_grounded_is_refused(action, message):
    env = TextAction(SimulatorEnv(family=FAMILY))
    env.reset(seed=0)
    with pytest.raises(InvalidActionError, match=message):
        env.step(action)


def test_a_substitute_is_popular_and_not_in_the_slate_yet():
    env = TextAction(SimulatorEnv(family=FAMILY), on_unknown="popular")
    env.reset(seed=0)
    assert env.step(["Title Zeta", "qqq"])[0]["session_items"][-2:].tolist() == [5, 4]
    env.reset(seed=0)
    assert env.step("")[0]["session_items"][-2:].tolist() == [5, 4]


@pytest.mark.parametrize("outer", [TextObservation, FlattenSlate])
def test_titles_pass_through_wrappers_of_observations(outer):
    env, plain = outer(TextAction(gym.make("longrec/Games-v0"))), gym.make("longrec/Games-v0")
    env.reset(seed=1)
    plain.reset(seed=1)
    assert env.step(plain.unwrapped.task.catalogue.titles[7])[1:4] == plain.step(7)[1:4]


def test_only_what_may_be_shown_is_found():
    env = TextAction(NoRepeat(gym.make("longrec/Games-v0")), loosest="exact")
    title = env.unwrapped.task.catalogue.titles[40]
    _, info = env.reset(seed=0)
    assert "action_mask" not in info
    env.step(title)
    with pytest.raises(InvalidActionError, match="names no item that may be shown"):
        env.step(title)


@pytest.mark.parametrize(
    ("wrapper", "options", "message"),
    [
        (TextObservation, {"max_tokens": 31}, "max_tokens must be an integer of 32"),
        (TextAction, {"loosest": "any"}, "loosest 'any'"),
        (TextAction, {"on_unknown": "guess"}, "on_unknown 'guess'"),
    ],
)
def test_options_are_checked(wrapper, options, message):
    with pytest.raises(ConfigurationError, match=message):
        wrapper(SimulatorEnv(family=FAMILY), **options)
