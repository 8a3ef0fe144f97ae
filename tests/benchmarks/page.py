"""Write `docs/performance.md` from what `make bench` measured.

    python -m tests.benchmarks.page .benchmarks/bench.json [MORE.json ...] [--busy OTHERS.json ...]

takes pytest-benchmark's files, each a run of its own on its own day. Ratios are of things timed in one run; where
several files have a figure, the first counts. `--busy` names files that were made while the machine did other work.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.conftest import RATIOS

LAYERS: Final = {
    "a bare compiled gather, which no environment can beat": "test_gather",
    "the simulator: users who left begun anew, a step, observations": "test_raw_stepping",
    "the vector face": "test_vector[longrec/Games-v0]",
    "replay: read, hash, check, step": "test_replay",
    "evaluation of `random`: the agent, sessions in order, tags": "test_evaluation",
    "the scalar face, unwrapped": "test_scalar[longrec/Games-v0-unwrapped]",
    "the scalar face, as `gym.make` gives it": "test_scalar[longrec/Games-v0-made]",
}
PEERS: Final = (  # name, its speed, our benchmark of the same mechanics
    ("RecSim interest evolution, 10 candidates", "2.8 k", "interest evolution, 10 candidates"),
    ("RecSim interest evolution, 1,000 candidates", "88", "interest evolution, 1,000"),
    ("RecSim interest exploration, 10 candidates", "2.8 k", "interest exploration, 10"),
    ("RecSim interest exploration, 1,000 candidates", "50", "interest exploration, 1,000"),
    ("RecSim long-term satisfaction, 10 candidates", "10.1 k", "long-term satisfaction, 10"),
    ("RecSim long-term satisfaction, 1,000 candidates", "196", "long-term satisfaction, 1,000"),
    ("RecSim NG, 1,000 users batched (not Gym)", "189 k", None),
    ("SARDINE, one environment", "3.2 to 4.6 k", "boredom, slate"),
    ("SARDINE, SyncVectorEnv", "2.5 to 3.1 k", "boredom, slate"),
    ("EasyRL4Rec table environments, raw class without observations", "41 to 133 k", "departure by category"),
    ("BiLLP environment logic", "69 k", "departure"),
    ("KuaiSim whole session (user-requests)", "176 to 193", "session"),
    ("KuaiSim cross session (user-requests)", "48", "retention"),
    ("VirtualTaobao / reco-gym / RecLab / SCOPE-RL RECGym", "0.7 k / 3.0 to 3.8 k / 3.7 k / 21 k", None),
)


SCATTER: Final = 1.1
"""Median over fastest round, above which a figure is marked."""


@dataclass(frozen=True)
class Run:
    """One file of pytest-benchmark: when and where it was made, work a second by benchmark, whose rounds scatter."""

    day: str
    commit: str
    machine: str
    clock: str
    busy: bool
    rates: Mapping[str, float]
    scattered: frozenset[str]

    def mark(self, *benchmarks: str | None) -> str:
        """What stands before a figure that is made of these."""
        return "~ " if self.scattered & set(benchmarks) else ""

    @classmethod
    def read(cls, path: Path, *, busy: bool = False) -> Run:
        """Raises `SystemExit` that names the file if it is none of pytest-benchmark's."""
        try:
            found = json.loads(path.read_text("utf-8"))
            marks, commit, machine = found["benchmarks"], found["commit_info"], found["machine_info"]
            rates = {
                b["name"]: b["extra_info"]["steps"] / b["stats"]["median"] for b in marks if "steps" in b["extra_info"]
            }
            clocks = {"wall" if b["options"]["timer"] == "perf_counter" else "processor" for b in marks}
            dirty = ", with changes" if commit["dirty"] else ""
            chip = f"{machine['cpu']['count']} x {machine['cpu']['brand_raw']}"
            return cls(
                day=found["datetime"][:10],
                commit=f"{commit['id'][:7]}{dirty}",
                machine=f"{chip}, Python {machine['python_version']}",
                clock=" and ".join(sorted(clocks)),
                busy=busy,
                rates=rates,
                scattered=frozenset(b["name"] for b in marks if b["stats"]["median"] > SCATTER * b["stats"]["min"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise SystemExit(
                f"{path}: not a file of pytest-benchmark ({fault!r}); make one with `make bench`"
            ) from None


def main() -> None:
    """Read the files, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--busy", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    options = parser.parse_args()
    runs = [Run.read(path) for path in options.files] + [Run.read(path, busy=True) for path in options.busy]
    options.out.write_text(page(runs), "utf-8")


def page(runs: Sequence[Run]) -> str:
    """The page, as Markdown."""
    parts = [_HEAD, *run_table(runs), "", _RATIOS, *ratio_table(runs), "", _LAYERS, *layer_table(runs), "", _PEERS]
    return "\n".join([*parts, *peer_table(runs), "", _SEE])


def run_table(runs: Sequence[Run]) -> Iterator[str]:
    """When and where the figures are from."""
    yield from ("| run | day | commit | machine | which was | clock |", "|---|---|---|---|---|---|")
    for number, run in enumerate(runs, 1):
        state = "busy" if run.busy else "quiet"
        yield f"| {number} | {run.day} | {run.commit} | {run.machine} | {state} | {run.clock} |"


def ratio_table(runs: Sequence[Run]) -> Iterator[str]:
    """What is compared with what, from the first run that has both."""
    yield from ("| what | measured | hoped for | run |", "|---|---|---|---|")
    for name, numerator, denominator, target in RATIOS:
        for number, run in enumerate(runs, 1):
            if numerator in run.rates and (denominator is None or denominator in run.rates):
                value = run.rates[numerator] / (run.rates[denominator] if denominator else 1.0)
                shown = f"{value:,.0f}" if denominator is None else f"{value:.2f}"
                hoped = "" if target is None else f"{target:,.0f}" if denominator is None else f"{target:g}"
                yield f"| {name} | {run.mark(numerator, denominator)}{shown} | {hoped} | {number} |"
                break


def layer_table(runs: Sequence[Run]) -> Iterator[str]:
    """Nanoseconds a step of one layer upon the other, from the first run that has the lowest."""
    yield from ("| layer | ns a step |", "|---|---|")
    run = next((run for run in runs if "test_raw_stepping" in run.rates), None)
    for name, benchmark in LAYERS.items():
        if run is not None and benchmark in run.rates:
            yield f"| {name} | {run.mark(benchmark)}{1e9 / run.rates[benchmark]:,.0f} |"


def peer_table(runs: Sequence[Run]) -> Iterator[str]:
    """Peers beside ours; no ratio, because they were not timed in one run."""
    yield from ("| peer | steps a second | ours, same mechanics | run |", "|---|---|---|---|")
    for name, speed, ours in PEERS:
        benchmark = f"test_family[{ours}]"
        number, run = next(((n, run) for n, run in enumerate(runs, 1) if benchmark in run.rates), (0, None))
        figures = f"{run.mark(benchmark)}{run.rates[benchmark]:,.0f} | {number}" if run else " | "
        yield f"| {name} | {speed} | {figures} |"


_HEAD = """# Performance

Written by `python -m tests.benchmarks.page` from files of pytest-benchmark; `make bench bench-page` makes both anew.
Figures are medians of rounds on one thread. Absolute figures are a machine's; ratios are of things timed in one run,
and those below 1.5 are ties. Where the median round took over a tenth longer than the fastest, a figure is marked ~ and
tells little. On a busy machine a process shares caches and clock rate with others, so that its processor time is longer
too.
"""
_RATIOS = """## Ratios

"A / B" is work a second of A over that of B. What has no "/" is work a second. What was in no run is not shown.
"""
_LAYERS = """## Where the time of a step goes

Random actions on Games, 4,096 sessions at once (one where the face is scalar, in sessions of 70 steps). What a layer
costs beyond the simulator is the difference.
"""
_PEERS = """## Peers

Random actions, steps a second of one thread's processor time, median, on a machine of two cores, each project's own
code in its usual form. They were timed once, before this project began and not in one run with ours, and no command
here repeats them. Ours play 1,024 sessions at once, which the vector face is made for and most peers have no face for.
So read orders of magnitude.
"""
_SEE = """## What costs how much as it grows

Commands are modules (`python -m`) and files of `tests/benchmarks` (`pytest FILE --benchmark-enable`).

| cost against | page | command |
|---|---|---|
| lanes, candidates, items; memory a lane | [environments](performance-environments.md) | `tests.benchmarks.cost` |
| agents: training, a decision | [agents](performance-agents.md) | `test_training.py`, `test_acting.py` |
| rows of a log | [a world from a log](worlds/from-a-log.md#large-logs) | `make bench-scale` |
| user models, items | [user models](worlds/user-models.md) | `test_reward_models.py` |
| submissions on a board | [the board](board.md#size) | `tests.benchmarks.board_scale` |
| remembered states | [memories](memories.md#the-index) | `tests.benchmarks.memory_sizes` |
| users served by a language model | [language models](language-models.md#what-it-costs-in-time) | `test_llm.py` |
"""

if __name__ == "__main__":
    main()
