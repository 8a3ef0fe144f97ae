"""Each family is read as its simulator's own record has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bilp_agent.session import Session, follow, open_session
from bilp_agent.views import BEHAVIOURS, view_of
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError
from recsim_envs.families.session.synthetic_log import BEHAVIOURS as RECORDED

STEPS = 12


def played(env_id: str, steps: int = STEPS, **options: Any) -> tuple[list[Session], list[Any], Any]:
    """Two sessions of random slates as they are read, what was shown with its rewards, and the simulator."""
    simulator, rng = make_simulator(env_id, 2, **options), np.random.default_rng(5)
    task, view = simulator.task, view_of(simulator.task)
    simulator.begin(np.arange(2), np.array([6, 11], np.uint64))
    seen = simulator.observe()
    sessions = [open_session(view, task.catalogue, seen, lane) for lane in range(2)]
    record = []
    for step in range(steps):
        for lane, session in enumerate(sessions):
            follow(session, view, simulator.observe(), lane, step)
        shape = (2, task.slate_size) if task.slate_size else (2,)
        actions = rng.integers(0, task.catalogue.num_items, shape)
        record.append((actions, simulator.step(actions).rewards))
    for lane, session in enumerate(sessions):
        follow(session, view, simulator.observe(), lane, steps, over=True)
    return sessions, record, simulator


@pytest.mark.parametrize(
    "env_id", ["longrec/SlateTopKBored-v0", "longrec/SingleItemBored-v0", "longrec/SlateRerankBored-v0"]
)
def test_clicks_are_read_as_they_were_rewarded(env_id: str) -> None:
    sessions, record, simulator = played(env_id, 9)
    for lane, session in enumerate(sessions):
        assert len(session.history) == session.slots  # the slate that a session starts with
        assert session.items() == [int(i) for actions, _ in record for i in np.atleast_1d(actions[lane])]
        for step, (_, rewards) in enumerate(record, 1):
            slate = [entry for entry in session.shown if entry.step == step]
            assert sum(entry.reward for entry in slate) == rewards[lane]
            assert all(entry.told == ("clicked" if entry.reward else "passed over") for entry in slate)
        hist = simulator.observe()["hist"][lane]
        assert session.signs.full == {t: float(share) for t, share in enumerate(hist) if share}
        assert len(session.fullest) == 9  # once before each step, not after the last


def test_behaviours_are_read_as_they_were_rewarded() -> None:
    assert len(BEHAVIOURS) == len(RECORDED)
    sessions, record, simulator = played("longrec/Session-v0", 5)
    for lane, session in enumerate(sessions):
        assert len(session.history) == 30
        assert session.items() == [int(i) for actions, _ in record for i in actions[lane]]
        for step, (_, rewards) in enumerate(record, 1):
            slate = [entry for entry in session.shown if entry.step == step]
            assert sum(entry.reward for entry in slate) / 6 == pytest.approx(rewards[lane])
        done = simulator.observe()["last_behaviours"][lane].reshape(6, 7)
        for entry, given in zip(session.last_slate(), done, strict=True):
            names = [name for name, did in zip(BEHAVIOURS, given, strict=True) if did]
            assert entry.told == (", ".join(names) or "passed over")
            assert entry.vain == bool(given[0] and not given[1])


def test_clicks_alone_count_where_they_alone_are_rewarded() -> None:
    sessions, record, _ = played("longrec/Session-v0", 4, single_response=True)
    for lane, session in enumerate(sessions):
        scores = [entry.reward for entry in session.last_slate()]
        assert set(scores) <= {0.0, 1.0}
        assert sum(scores) / 6 == pytest.approx(record[-1][1][lane])


def test_visits_are_read_with_the_days_between_them() -> None:
    simulator = make_simulator("longrec/Retention-v0", 1)
    view, rng = view_of(simulator.task), np.random.default_rng(0)
    simulator.begin(np.arange(1), np.array([8], np.uint64))
    session = open_session(view, simulator.task.catalogue, simulator.observe(), 0)
    assert session.history == ()
    step, shown, away = 0, [], []
    while not simulator.over.all():
        seen = simulator.observe()
        follow(session, view, seen, 0, step)
        visit, day, gap = (int(seen[key][0, 0]) for key in ("visit", "day", "days_away"))
        if seen["visit_step"][0, 0] == 0 and visit > 1:
            away.append(gap)
        assert session.signs.clock.startswith(f"Day {day + 1} of 30, visit {visit}")
        actions = rng.integers(0, 1000, (1, 5))
        simulator.step(actions)
        shown += actions[0].tolist()
        step += 1
    before = session.signs.clock
    follow(session, view, simulator.observe(), 0, step, over=True)
    assert session.signs.clock == before  # time stands where the last slate was shown
    assert session.absences == away
    assert away
    assert session.items() == shown
    recorded = simulator.state.history[0].T[-50:]
    last = [(e.item, e.told != "passed over", e.reward) for e in session.shown[-50:]]
    assert last == [(item, bool(click), float(view)) for item, click, view in recorded.tolist() if item >= 0]
    assert all(e.vain == (e.told == "clicked in vain") for e in session.shown)


@pytest.mark.parametrize("name", ["InterestEvolution", "InterestExploration", "LongTermSatisfaction"])
def test_drawn_candidates_are_refused_by_name(name: str) -> None:
    with pytest.raises(AgentError, match=f"longrec/{name}-v0 draws its items anew"):
        view_of(make_simulator(f"longrec/{name}-v0", 1).task)
