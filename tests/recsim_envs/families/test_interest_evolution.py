"""Interest evolution: kernel against reference, parity with RecSim, and what planning is worth.

Parity: four figures, each held within three combined standard errors. Were the seeds not fixed, all four would pass an
equal simulator with probability of at least 1 - 4 * 0.0027 = 98.9 %.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs.families import make_family
from recsim_envs.families.choice import MODELS
from recsim_envs.families.interest_evolution import references
from recsim_envs.families.interest_evolution.simulator import TOPIC_QUALITY
from tests.recsim_envs.families.drawn import (
    begin,
    random_slates,
    reference_scores,
    returns_of,
    same_figure,
    shuffled,
    top,
)
from tests.recsim_envs.families.recsim_reference import EvolutionSession, play_beside

FAMILY = "interest-evolution"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 4), st.booleans(), st.sampled_from(MODELS), st.booleans(),
       st.integers(1, 120), st.integers(0, 2**63 - 1))  # fmt: skip
def test_kernel_equals_the_reference(candidates, slots, resample, model, reference, horizon, seed):
    slots = min(slots, candidates)
    simulator = make_family(FAMILY, 3, num_candidates=candidates, slate_size=slots, resample_documents=resample,
                            choice_model=model, reference=reference, horizon=horizon)  # fmt: skip
    sessions = [
        EvolutionSession(s, model=model, horizon=horizon, repeats=reference, persist=not resample)
        for s in begin(simulator, seed)
    ]
    for _ in play_beside(simulator, sessions, lambda t: random_slates(simulator, seed, t)):
        seen, hidden = simulator.observe(), simulator.hidden()
        for b in np.flatnonzero(~simulator.over):
            assert seen["user_interests"][b] == pytest.approx(sessions[b].interests, abs=1e-5)
            assert hidden["time_left"][b] == pytest.approx(sessions[b].budget, abs=1e-4)
            assert seen["candidate_topics"][b].tolist() == [sessions[b].topic(i) for i in range(candidates)]


def interests(simulator):
    seen = simulator.observe()
    return np.take_along_axis(seen["user_interests"], seen["candidate_topics"], axis=1)


def topic_quality(simulator):
    return TOPIC_QUALITY[simulator.observe()["candidate_topics"]]


POLICIES = {
    "random": shuffled,
    "affinity": lambda simulator, _: top(simulator, interests(simulator)),
    "quality": lambda simulator, _: top(simulator, topic_quality(simulator)),
    "greedy": lambda simulator, _: top(simulator, (interests(simulator) + 1.0) * topic_quality(simulator)),
}


@pytest.mark.parametrize(
    ("policy", "figure", "error"),
    [("random", 154.0, 0.6), ("affinity", 165.0, 2.1), ("quality", 288.0, 4.8), ("greedy", 297.0, 4.3)],
)
def test_the_reference_equals_recsim(policy, figure, error):
    """RecSim with 10 candidates, slates of 2 and global seed 0: mean return a session."""
    simulator = make_family(FAMILY, 1000, reference=True)
    same_figure(returns_of(simulator, POLICIES[policy]), figure, error)


@pytest.mark.parametrize("options", [{}, {"reference": True}])
def test_planning_is_worth_much_more_than_greed_and_little_more_than_a_rule_of_thumb(options):
    score = reference_scores(make_family(FAMILY, 200, split="test", **options))
    assert score["planner"] > 1.25 * score["myopic"]
    assert score["planner"] > score["rule-quality"] > 0.78 * score["planner"]


def test_myopic_is_the_likeliest_click():
    simulator = make_family(FAMILY, 50)
    begin(simulator, 4)
    slates = simulator.references()["myopic"]()()
    liked = np.sort(interests(simulator), axis=1)[:, -2:]
    assert np.array_equal(np.sort(np.take_along_axis(interests(simulator), slates, axis=1), axis=1), liked)


def test_quality_is_seen_only_when_shown_and_is_that_of_the_topic():
    simulator = make_family(FAMILY, 500)
    begin(simulator, 2)
    topics = simulator.observe()["candidate_topics"]
    simulator.step(np.tile([3, 7], (500, 1)))
    seen = simulator.observe()
    assert np.array_equal(seen["response_topics"], topics[:, [3, 7]])
    noise = (seen["response_qualities"] - TOPIC_QUALITY[seen["response_topics"]]).ravel()
    assert abs(noise.mean()) < 4 * 0.1 / 1000**0.5
    assert noise.std() == pytest.approx(0.1, rel=0.1)


def test_text_rendering_tells_time_slate_and_candidates():
    simulator = make_family(FAMILY, 1)
    begin(simulator, 1)
    simulator.step(np.array([[0, 1]]))
    text = simulator.render_ansi(0)
    assert "step 1 of at most 500, running, time left" in text
    assert "quality" in text
    assert simulator.shown(0, np.array([0]))[0].title.startswith("video on topic")


def test_planning_does_not_grow_with_the_candidates_beyond_a_few_hundred(monkeypatch):
    sizes = []
    monkeypatch.setattr(references, "_tuned", lambda *options: sizes.append(options) or (1.0, 0.0))
    simulator = make_family(FAMILY, 1, num_candidates=100_000, slate_size=100)
    begin(simulator, 1)
    slates = simulator.references()["planner"]()()
    assert slates.shape == (1, 100)
    assert references.FEW in sizes[0]
