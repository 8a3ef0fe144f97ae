"""Which agents a question is about, by what they look at when they choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

BILLP: Final = ("billp", "billp-plus")

ONLINE_RL: Final = (
    "a2c", "dqn", "maskable-ppo", "ppo", "qr-dqn", "recurrent-ppo", "sac", "slateq", "td3",
)  # fmt: skip
OFFLINE_RL: Final = ("bcq", "cirs", "cql", "crr", "decision-transformer", "dorl", "ips", "iql", "mopo", "sqn")
"""Those that learn what a choice is worth over the steps that follow."""

MYOPIC: Final = (
    "best-rated", "calibrated", "cluster-bandit", "epsilon-greedy", "exact-no-repeat", "fixed-cycle", "greedy",
    "greedy-no-repeat", "linear-thompson", "linucb", "mf", "mmr", "popular", "round-robin", "sasrec",
)  # fmt: skip
"""Those that choose for the next reward, or follow an order that they do not revise: as in `recsim_envs.gap`, never
repeating and a fixed cycle are no planning."""

LANGUAGE: Final = ("act-only", "react", "reflexion")
"""The paper's baselines on a language model."""

RIVALS: Final = {"ActOnly, ReAct, Reflexion": LANGUAGE, "reinforcement learning": ONLINE_RL}
"""What the paper holds BiLLP against, as verdicts call it."""


def kind_of(agent: str, kinds: Mapping[str, Sequence[str]]) -> str:
    """The first of some kinds that an agent belongs to; empty where it belongs to none."""
    return next((kind for kind, agents in kinds.items() if agent in agents), "")
