"""Rows as a small run of the default suite would give them, without running anything."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from leaderboard.schema import TRACKS, Disclosure, Estimate, Row, SpentBudget, World, json_hash

# Steps kept, reward a step, share of exits by repeat, privileged.
AGENTS: dict[str, tuple[float, float, float, bool]] = {
    "random": (6.1, 3.52, 0.0, False),
    "popular": (2.0, 4.38, 0.96, False),
    "best-rated": (2.0, 4.61, 0.97, False),
    "fixed-cycle": (18.4, 4.42, 0.02, False),
    "greedy": (14.6, 4.53, 0.62, False),
    "greedy-no-repeat": (31.2, 4.55, 0.0, False),
    "oracle": (63.8, 4.93, 0.0, True),
    "dqn": (11.3, 4.31, 0.41, False),
    "a2c": (7.7, 4.02, 0.22, False),
    "ppo": (9.1, 4.11, 0.28, False),
    "billp": (29.6, 4.57, 0.04, False),
}
LM_USAGE = {"calls": 17_934, "input_tokens": 21_520_800, "cached_tokens": 9_100_000, "output_tokens": 627_690}
LM_FACTS: dict[str, Any] = {
    "language_model": "scripted",
    "usage": LM_USAGE,
    "training": {"usage": {"calls": 7_420, "input_tokens": None, "cached_tokens": None, "output_tokens": None}},
    "memories": {"planner": 100, "actor": 1_904, "critic": 1_904},
}
ENVIRONMENTS = (("longrec/Games-v0", "games", 70, 1.0), ("longrec/Books-v0", "books", 50, 0.72))


def fake_row(agent: str = "greedy", task: int = 0, **changes: Any) -> Row:
    """One row; `changes` replace its fields."""
    env_id, world, horizon, factor = ENVIRONMENTS[task]
    length, reward, by_repeat, privileged = AGENTS.get(agent, AGENTS["greedy"])
    length = min(length * factor, horizon - 2.0)
    trains = agent in {"fixed-cycle", "dqn", "a2c", "ppo", "billp"}
    hazard = -math.log(1 - 1 / (length + 1))
    curve = tuple(round(math.exp(-hazard * t), 3) for t in range(1, horizon + 1))
    stayed = curve[-1]
    left = {"repeat": by_repeat, "too-alike": (1 - by_repeat) * 0.55, "low-reward": (1 - by_repeat) * 0.45}
    fields: dict[str, Any] = {
        "agent": agent,
        "parameters": {"window": 5} if agent == "billp" else {},
        "version": f"{agent}-3f9c01",
        "suite": "smoke-v1",
        "suite_hash": json_hash("smoke-v1"),
        "track": "scarce",
        "task": task,
        "env_id": env_id,
        "options": {"protocol": "FB"},
        "world": World(name=world, sha256=json_hash(world)),
        "badge": "replayed",
        "privileged": privileged,
        "training_seeds": 2,
        "episodes": 200,
        "users": 97,
        "steps": round(200 * (length + 1 - stayed)),
        "declared": TRACKS["scarce"],
        "spent": SpentBudget(episodes=100 if trains else 0, steps=734 if trains else 0),
        "metrics": _metrics(agent, length, reward, factor),
        "departures": {**{k: v * (1 - stayed) for k, v in left.items() if v}, "horizon": stayed},
        "stays": ["horizon"],
        "curve": curve,
        "wall_seconds": 96.4 if agent == "billp" else 41.0 if trains else 0.31,
        "facts": (LM_FACTS, LM_FACTS) if agent == "billp" else ({}, {}),
        "command": ("longrec", "evaluate", agent, "--suite", "smoke-v1", "--out", f"runs/{agent}"),
        "commit": "3f9c01aa2b7d4e55c6a1908f7e6d5c4b3a291807",
        "dirty": False,
        "created": datetime(2025, 3, 1, 12, tzinfo=timezone.utc),
        "disclosure": Disclosure(hidden_state=privileged),
    }
    return Row(**{**fields, **changes})


def fake_rows() -> list[Row]:
    """Eleven agents on two environments."""
    return [fake_row(agent, task) for task in range(len(ENVIRONMENTS)) for agent in AGENTS]


def _metrics(agent: str, length: float, reward: float, factor: float) -> dict[str, Estimate]:
    def around(value: float, width: float) -> Estimate:
        return Estimate(value=round(value, 4), low=round(value - width, 4), high=round(value + width, 4))

    def share(value: float) -> Estimate:
        return Estimate(value=round(value, 4), low=round(0.8 * value, 4), high=round(1.2 * value + 0.001, 4))

    total = length * reward
    bottom, top = (AGENTS[a][0] * AGENTS[a][1] * factor for a in ("random", "oracle"))
    top = min(top, 48 * 4.93) if factor < 1 else top
    score = (total - bottom) / (top - bottom)
    ends = {
        "random": Estimate(value=0, note="anchor of the scale"),
        "oracle": Estimate(value=1, note="anchor of the scale"),
    }
    return {
        "Len": around(length, 0.09 * length + 0.2),
        "R_each": around(reward, 0.04),
        "R_traj": around(total, 0.1 * total + 0.6),
        "repeats": share(AGENTS.get(agent, AGENTS["greedy"])[2] * 0.11),
        "coverage": Estimate(
            value=0.181 if agent == "random" else 0.0123, note="pooled over all sessions: no interval"
        ),
        "score": ends.get(agent) or around(score, 0.1 * abs(score) + 0.012),
    }
