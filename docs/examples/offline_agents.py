"""The tables of docs/agents/offline-agents.md: one a world, from the submissions of a suite, replayed.

python docs/examples/offline_agents.py leaderboard/submissions offline-v1
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from leaderboard.files import read_model
from leaderboard.replay import Replayed, verify
from leaderboard.results import rows
from leaderboard.schema import Estimate, Row, Submission
from leaderboard.submit import find

HEAD = "| agent | return | by training seed | Len | score | different items | ends: low, alike, repeat |"


def told(estimate: Estimate | None, digits: int = 1) -> str:
    if estimate is None:
        return "-"
    text = f"{estimate.value:.{digits}f}"
    return text if estimate.low is None else f"{text} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def line(row: Row, run: Replayed) -> str:
    outcomes = run.outcomes[row.task]
    returns = np.add.reduceat(outcomes.rewards.astype(np.float64), outcomes.offsets[:-1])
    by_seed = returns.reshape(outcomes.left.shape).mean(axis=1)
    items = [
        len(np.unique(part)) for part in np.split(outcomes.items, outcomes.offsets[:: outcomes.left.shape[1]][1:-1])
    ]
    ends = [row.departures.get(cause, 0.0) for cause in ("low-reward", "too-alike", "repeat")]
    cells = [
        f"`{row.agent}`",
        told(row.metrics["R_traj"]),
        ", ".join(f"{mean:.1f}" for mean in by_seed) if run.submission.agent.trains else "-",
        told(row.metrics["Len"]),
        told(row.metrics.get("score"), 3),
        f"{np.mean(items):.0f}",
        ", ".join(f"{100 * share:.0f} %" for share in ends),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    folder, suite = Path(sys.argv[1]), sys.argv[2]
    folders = [f for f in find([folder]) if read_model(f / "submission.json", Submission).suite.name == suite]
    runs = {f.name: verify(f) for f in folders}
    found = rows(list(runs.values()))
    for env_id in dict.fromkeys(row.env_id for row in found):
        here = sorted((r for r in found if r.env_id == env_id), key=lambda r: r.metrics["R_traj"].value)
        print(f"\n{env_id}\n\n{HEAD}\n{'|---' * HEAD.count(' | ')}|---|")
        print("\n".join(line(row, runs[row.version]) for row in here))


if __name__ == "__main__":
    main()
