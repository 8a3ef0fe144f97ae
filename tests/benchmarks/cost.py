"""What a step costs against lanes and against the catalogue, and what memory a lane takes: two plots, two tables.

    python -m tests.benchmarks.cost --out docs

writes `performance-environments.md` and its plots; needs matplotlib, from the extra `docs`. One process, one thread,
best of three rounds.
"""

from __future__ import annotations

import argparse
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np

from recsim_envs import make_simulator
from recsim_envs.ids import builtin_ids
from recsim_envs.policies import random_actions
from tests.benchmarks.family_speeds import FAMILIES

LANES = [1, 8, 64, 512, 1024, 4096, 16384]
SIZES: dict[str, tuple[str, str, list[int]]] = {
    "interest evolution": ("longrec/InterestEvolution-v0", "num_candidates", [10, 30, 100, 300, 1000]),
    "interest exploration": ("longrec/InterestExploration-v0", "num_candidates", [10, 30, 100, 300, 1000]),
    "long-term satisfaction": ("longrec/LongTermSatisfaction-v0", "num_candidates", [10, 30, 100, 300, 1000]),
    "boredom, single item": ("longrec/SingleItemBored-v0", "num_items", [100, 1000, 10_000]),
}


def rate(env_id: str, lanes: int, options: dict[str, Any]) -> float:
    """Steps a second, observations included; sessions that end are begun anew."""
    simulator = make_simulator(env_id, lanes, **options)
    every, keys = np.arange(lanes), np.arange(lanes, dtype=np.uint64)
    simulator.begin(every, keys)
    actions = [random_actions(simulator, keys, t) for t in range(4)]
    masked, best, steps = "action_mask" in simulator.infos(), np.inf, max(4, min(2000, 20_000 // lanes))
    for _ in range(3):
        start = time.perf_counter()
        for t in range(steps):
            over = np.flatnonzero(simulator.over)
            if len(over):
                simulator.begin(over, keys[over] + np.uint64(t))
            simulator.step(random_actions(simulator, keys, t) if masked else actions[t % 4])
            simulator.observe()
        best = min(best, time.perf_counter() - start)
        if best > 5:
            break
    return lanes * steps / best


def lane_bytes(env_id: str) -> int:
    """Bytes of state that one more lane takes."""
    few, many = (len(pickle.dumps(make_simulator(env_id, lanes))) for lanes in (256, 512))
    return (many - few) // 256


def plot(path: Path, curves: dict[str, list[tuple[int, float]]], xlabel: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "longrec"
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for number, (name, points) in enumerate(curves.items()):
        marker, line = "osv^D<>P"[number % 8], ("-", "--")[number // 8]
        color = f"C{number % 8}"
        axes.loglog(
            *zip(*points, strict=True), line, color=color, marker=marker, markersize=4, linewidth=1.3, label=name
        )
    axes.set(xlabel=xlabel, ylabel="user-steps a second")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out = parser.parse_args().out
    lanes = {}
    for name, (env_id, options, _) in FAMILIES.items():
        counts = [n for n in LANES if options.get("num_candidates", 0) < 1000 or n <= 1024]
        lanes[name] = [(n, rate(env_id, n, options)) for n in counts]
        print(name, lanes[name][-1], flush=True)
    sizes = {k: [(n, rate(e, 1024, {option: n})) for n in ns] for k, (e, option, ns) in SIZES.items()}
    plot(out / "images" / "cost-lanes.svg", lanes, "lanes")
    plot(out / "images" / "cost-size.svg", sizes, "candidates or items")
    (out / "performance-environments.md").write_text(page(lanes))


def page(lanes: dict[str, list[tuple[int, float]]]) -> str:
    speeds = ["| what | steps a second at 1,024 lanes | hoped for |", "|---|---|---|"]
    for name, (_, _, target) in FAMILIES.items():
        speeds.append(f"| {name} | {dict(lanes[name])[1024]:,.0f} | {target:,.0f} |")
    memory = ["| environment | bytes a lane |", "|---|---|", *(f"| {i} | {lane_bytes(i):,} |" for i in builtin_ids())]
    return "\n".join([_HEAD, *speeds, "", _PLOTS, *memory, ""])


_HEAD = """# What environments cost

Written by `python -m tests.benchmarks.cost`: random actions on the bare simulator, observations included, one thread of
the machine that the project is built on. Absolute figures are that machine's; `make bench` gives ratios in one run.
"""
_PLOTS = """![steps a second against lanes](images/cost-lanes.svg)

![steps a second against candidates or items, 1,024 lanes](images/cost-size.svg)

State that a lane holds, beside world and weights, which all lanes share:
"""

if __name__ == "__main__":
    main()
