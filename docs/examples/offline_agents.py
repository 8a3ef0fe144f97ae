"""Train agents on a log with several seeds and play the same test sessions under FB and NX_0: a line of a table each.

python docs/examples/offline_agents.py games 3 runs/offline-games.jsonl cql bcq iql

The first word is the environment's, then come the number of training seeds, a file that keeps what is done (given
again, the command goes on), and the agents.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard import seeds
from leaderboard.agents import build_agent
from leaderboard.evaluate.simulate import simulate
from recsim_envs import make_simulator
from recsim_envs.offline import LogView, generate, spec_of

SESSIONS = 200
PROTOCOLS = ("FB", "NX_0")
SUITE = "offline-agents"


def play(agent: Any, env_id: str, protocol: str, seed: int) -> dict[str, list[float]]:
    simulator = make_simulator(env_id, SESSIONS, split="test", protocol=protocol)
    agent.reset(simulator.task, SESSIONS, seeds.agent_seed(SUITE, env_id, seed))
    trace = simulate(
        agent, simulator, seeds.episode_seeds(SUITE, env_id, SESSIONS),
        seeds.session_keys(SUITE, env_id, seed, SESSIONS), task=0, training_seed=seed, privileged=agent.privileged,
        progress=lambda done: None,
    )  # fmt: skip
    totals = np.add.reduceat(trace.rewards.astype(np.float64), trace.offsets[:-1])
    return {
        "returns": totals.tolist(),
        "lengths": np.diff(trace.offsets).tolist(),
        "items": len(set(trace.actions.tolist())),
    }


def cell(name: str, view: LogView, seed: int) -> dict[str, Any]:
    agent, start = build_agent(name, {}), time.process_time()
    if agent.learns_from_log:
        agent.learn(view, seed)
    seconds = time.process_time() - start
    played = {protocol: play(agent, view.task.env_id, protocol, seed) for protocol in PROTOCOLS}
    return {"agent": name, "seed": seed, "seconds": seconds} | played


def line(cells: list[dict[str, Any]]) -> str:
    parts = [cells[0]["agent"]]
    for protocol in PROTOCOLS:
        returns = np.array([c[protocol]["returns"] for c in cells])  # (seeds, sessions)
        users = returns.mean(axis=0)
        half = 1.96 * users.std(ddof=1) / len(users) ** 0.5
        spread = ", ".join(f"{mean:.1f}" for mean in returns.mean(axis=1)) if len(cells) > 1 else "-"
        length = np.mean([c[protocol]["lengths"] for c in cells])
        items = np.mean([c[protocol]["items"] for c in cells])
        parts += [f"{users.mean():.1f} ± {half:.1f}", spread, f"{length:.1f}", f"{items:.0f}"]
    return " | ".join(["", *parts, f"{np.mean([c['seconds'] for c in cells]):.0f}", ""]).strip()


def main() -> None:
    env, count, file, agents = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
    view = LogView(generate(spec_of(f"longrec/{env}/mixed-v0")))
    known = [json.loads(text) for text in file.read_text().splitlines()] if file.exists() else []
    for name in agents:
        for seed in range(count if build_agent(name, {}).trains else 1):
            if not any(c["agent"] == name and c["seed"] == seed for c in known):
                known.append(cell(name, view, seed))
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a") as out:
                    out.write(json.dumps(known[-1]) + "\n")
        print(line([c for c in known if c["agent"] == name][:count]), flush=True)


if __name__ == "__main__":
    main()
