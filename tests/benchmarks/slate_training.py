"""Steps a second of processor time in which slateq, sac and td3 train, with 256 sessions side by side.

OMP_NUM_THREADS=1 python -m tests.benchmarks.slate_training
"""

from __future__ import annotations

import time

from baselines.online.sac import SACAgent
from baselines.online.sb3_agent import SB3Agent
from baselines.online.slateq import SlateQAgent
from baselines.online.td3 import TD3Agent
from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator
from recsim_envs.spec import Budget

LANES, ROUNDS = 256, 16
CASES: list[tuple[type[SB3Agent], str]] = [
    (SlateQAgent, "longrec/InterestEvolution-v0"),
    (SlateQAgent, "longrec/SlateTopKBored-v0"),
    (SlateQAgent, "longrec/Session-v0"),
    (SACAgent, "longrec/SlateTopKBored-v0"),
    (TD3Agent, "longrec/SlateTopKBored-v0"),
    (TD3Agent, "longrec/Books-v0"),
]


def seconds(kind: type[SB3Agent], env_id: str, rounds: int) -> float:
    """Processor time of a training of so many steps of each session, its start included."""
    task = make_simulator(env_id, 1, split="train").task
    envs = MeteredEnvs(env_id, {}, task, Budget(steps=rounds * LANES), lambda env, reset: 1000 * env + reset)
    agent = kind(num_envs=LANES)
    start = time.process_time()
    agent.train(envs, 0)
    return time.process_time() - start


def main() -> None:
    """Print a line a case."""
    for kind, env_id in CASES:
        seconds(kind, env_id, 2)  # compiles kernels
        print(f"{kind.__name__:12} {env_id:30} {ROUNDS * LANES / seconds(kind, env_id, ROUNDS):6.0f} steps a second")


if __name__ == "__main__":
    main()
