"""The language-model baselines and their control where slates are shown."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from baselines.llm.act_only import ActOnlyAgent
from baselines.llm.desk import Desk
from baselines.llm.exact_no_repeat import ExactNoRepeatAgent
from baselines.llm.react import ReActAgent
from baselines.llm.reflexion import ReflexionAgent
from baselines.llm.visit import Visit
from bilp_agent.views import Answered
from recsim_envs import make_simulator
from recsim_envs.spec import Sessions
from tests.bilp_agent.fakes import Door, Says, play

TOPK, SESSION, RETENTION = "longrec/SlateTopKBored-v0", "longrec/Session-v0", "longrec/Retention-v0"
SINGLE, RERANK = "longrec/SingleItemBored-v0", "longrec/SlateRerankBored-v0"
SHORT: dict[str, dict[str, Any]] = {
    TOPK: {"horizon": 5},
    SESSION: {"horizon": 5},
    RETENTION: {"days": 2},
    SINGLE: {"horizon": 6},
    RERANK: {"horizon": 4},
}


@pytest.mark.parametrize("env_id", list(SHORT))
@pytest.mark.parametrize("make", [ActOnlyAgent, ReActAgent, ReflexionAgent, ExactNoRepeatAgent])
def test_slates_hold_different_items_whatever_the_order(make: Any, env_id: str) -> None:
    agent = make()
    if agent.trains:
        agent.train(Door(None, 2, env_id, **SHORT[env_id]), 0)
    played = play(agent, None, range(3), 3, env_id, **SHORT[env_id])
    slates = [np.atleast_1d(slate).tolist() for slates in played.values() for slate in slates]
    assert all(len(set(slate)) == len(slate) for slate in slates)
    assert play(agent, None, [2, 0, 1], 2, env_id, **SHORT[env_id]) == played
    if make is ExactNoRepeatAgent and env_id != RERANK:
        assert all(len(set(np.ravel(slates).tolist())) == np.size(slates) for slates in played.values())
    elif make is not ExactNoRepeatAgent:
        assert agent.describe()["answers"]["actor"]["fallback"] == 0.0


@pytest.mark.parametrize("kind", [ActOnlyAgent, ReActAgent])
def test_what_a_model_leaves_out_is_filled_and_counted(kind: Any) -> None:
    agent = kind(repeats=False)
    agent._source.model = Says('Thought: x\nItem: "Item 3"\nItem: "Item 3"\nItem: "Item 9"')
    played = play(agent, None, [0], 1, TOPK, horizon=3)
    assert played[0][0][:2] == [3, 9]
    assert len(set(np.ravel(played[0]).tolist())) == 30  # nothing comes twice
    facts = agent.describe()
    assert facts["grounding"]["filled"] == 8 * 3
    assert facts["answers"]["actor"] == {"answers": 3, "repaired": 0.0, "fallback": 0.0}


def test_nonsense_falls_back_to_the_shortlist() -> None:
    agent = ActOnlyAgent()
    agent._source.model = Says("I cannot.")
    play(agent, None, [0, 1], 2, SESSION, horizon=3)
    assert agent.describe()["answers"]["actor"]["fallback"] == 1.0


def test_a_visit_counts_all_that_an_item_earned() -> None:
    desk = Desk(make_simulator(TOPK, 1).task, window=4)
    slate = [Answered(1, 1.0, "clicked"), Answered(2, 0.0, "passed over")]
    visit = Visit([Answered(1, 0.0, "passed over")], [slate, slate], chance=True, length=2)
    assert visit.known == {1: pytest.approx(2 / 3), 2: 0.0}
    assert desk.option(1, visit).endswith("score 0.67 (3 times), 1 steps ago")
    assert desk.past(visit)["shown"] == [f'step {step}: clicked "Item 1" | passed over "Item 2"' for step in (1, 2)]
    assert desk.past(visit)["step"] == 3


def test_reflexion_is_told_what_was_earned_and_no_departure() -> None:
    agent = ReflexionAgent(train_lanes=1)
    agent._source.model = Says('Reflection: hm\nItem: "Item 7"')  # type: ignore[assignment]
    agent.train(Door(None, 1, TOPK, horizon=4), 0)
    told = agent._source.model.requests[-1].messages[1].content  # type: ignore[attr-defined]
    assert "The session was over after step 4, the last one; the user had not left." in told
    assert "The user left" not in told
    assert agent.describe()["reflections"][0].startswith("(earned ")


def test_the_control_shows_the_best_rated_of_liked_categories() -> None:
    simulator, agent = make_simulator(TOPK, 1), ExactNoRepeatAgent()
    catalogue = simulator.task.catalogue
    agent.reset(simulator.task, 1, 0)
    simulator.begin(np.arange(1), np.array([4], np.uint64))
    seen = simulator.observe()
    [slate] = agent.act(seen, {}, Sessions(np.arange(1), np.zeros(1, np.uint64), np.zeros(1, np.int64)))
    met, clicks = seen["slate"][0].tolist(), seen["clicks"][0].tolist()
    scores: dict[int, list[int]] = {}
    for item, click in zip(met, clicks, strict=True):
        for category in catalogue.categories(item).tolist():
            scores.setdefault(category, []).append(click)
    liked = {c for c, got in scores.items() if sum(got) / len(got) >= sum(clicks) / len(clicks) - 1e-9}
    inside = [i for i in range(catalogue.num_items) if liked & set(catalogue.categories(i).tolist())]
    best = sorted(inside, key=lambda i: (-float(catalogue.mean_reward[i]), -int(catalogue.popularity[i]), i))
    assert slate.tolist() == best[:10]


@pytest.mark.parametrize(
    ("env_id", "told"),
    [
        (TOPK, r"## How full categories are\nTopic \d+ \d+%"),
        (RETENTION, r"## Now\nDay 1 of 2, visit 1, slate 2"),
        (SESSION, ""),
    ],
)
@pytest.mark.parametrize("kind", [ActOnlyAgent, ReActAgent])
def test_prompts_show_what_the_planner_is_shown_too(kind: Any, env_id: str, told: str) -> None:
    agent, model = kind(), Says('Thought: x\nItem: "none of these"')
    agent._source.model = model
    play(agent, None, [0], 1, env_id, **SHORT[env_id])
    prompts = [request.messages[1].content for request in model.requests]
    assert any(re.search(told, prompt) for prompt in prompts)
    assert any("## Now" in p or "## How full" in p for p in prompts) == bool(told)
