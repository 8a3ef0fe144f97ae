"""How long a board of a thousand submissions takes to build, and how much memory: a command, not a test.

    python -m tests.benchmarks.board_scale make --to /tmp/scale
    python -m tests.benchmarks.board_scale measure --to /tmp/scale

`make` writes submissions of 10,000 episodes each that replay as any other does: the random agent and the oracle, run by
the harness, and fabricated agents, which show the items of a cycle, now and then out of turn, as their numbers say.
`measure` builds their board, each time in a process of its own: by replaying every step; from the replays that are in
the cache then, without comparisons; with one submission more; and once more with nothing new. It prints wall time, the
processor time of all processes, and the most memory that they held together.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from leaderboard import seeds
from leaderboard.evaluate.batch import Job, evaluate_all
from leaderboard.evaluate.build import simulator_for
from leaderboard.evaluate.simulate import simulate
from leaderboard.files import file_sha256, read_model, write_json
from leaderboard.schema import Submission, Suite, Task
from leaderboard.submit import submit
from leaderboard.traces import concatenate, write_trace
from recsim_envs import rng
from recsim_envs.spec import Agent, Batch, Sessions, TaskSpec

SUITE = Suite(
    name="board-scale",
    training_seeds=(0, 1),
    tasks=(
        Task(env_id="longrec/Games-v0", options={"r_min": 1.0, "horizon": 40}, episodes=2_500),
        Task(env_id="longrec/Games-v0", options={"r_min": 1.0, "horizon": 25}, episodes=2_500),
    ),
)
LANES = 2_500
ANCHORS = ("random", "oracle")
To = Annotated[Path, typer.Option(help="Folder for submissions, cache and board.")]
app = typer.Typer()


@dataclass
class Cycle(Agent):
    """Shows `length` items in turn, and with a chance of `stray` one out of turn: one of a thousand agents."""

    number: int
    length: int
    stray: float

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Choose the cycle."""
        popular = np.argsort(-task.catalogue.popularity, kind="stable")[:400]
        key = rng.derive_seed("cycle", self.number, seed)
        self.items = popular[np.argsort(rng.bits_array(key, 0, 0, np.arange(len(popular))))[: self.length]]

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[Any]:
        """The next of the cycle, now and then a random one of it."""
        chance = rng.bits_array(sessions.keys, sessions.steps, 1) / 2.0**64
        other = rng.below_array(self.length, sessions.keys, sessions.steps, 2)
        return self.items[np.where(chance < self.stray, other, sessions.steps % self.length)]


@app.command()
def make(to: To, submissions: int = 1_000) -> None:
    """Write the submissions, and one more that `measure` adds."""
    runs = [Job(name, to / "runs" / name) for name in ANCHORS]
    failures = evaluate_all(runs, SUITE, workers=1, num_lanes=LANES)
    assert not failures, failures
    for job in runs:
        submit(job.path, to / "submissions")
    template = read_model(runs[0].path / "submission.json", Submission)
    for number in range(submissions - len(runs) + 1):
        last = number == submissions - len(runs)
        _fabricate(template, number, to / ("more" if last else "submissions"))
        print(number, end="\r", flush=True)


def _fabricate(template: Submission, number: int, to: Path) -> None:
    """A submission of agent `number`, under `to`."""
    length, stray = 10 + 5 * (number % 12), 0.05 * (1 + number % 7)
    folder = to / f"cycle-{number:04}" / "board-scale"
    traces = []
    for task, chosen in enumerate(SUITE.tasks):
        simulator = simulator_for(chosen, LANES)
        for seed in SUITE.training_seeds:
            agent = Cycle(number, length, stray)
            agent.reset(simulator.task, LANES, seed)
            names = SUITE.name, chosen.env_id
            promised = seeds.episode_seeds(*names, chosen.episodes)
            keys = seeds.session_keys(*names, seed, chosen.episodes)
            traces.append(simulate(agent, simulator, promised, keys, task=task, training_seed=seed))
    write_trace(folder / "traces.parquet", concatenate(traces))
    agent_record = template.agent.model_copy(
        update={
            "name": f"cycle-{number:04}",
            "entry_point": "tests.benchmarks.board_scale:Cycle",
            "parameters": {"number": number, "length": length, "stray": round(stray, 2)},
        }
    )
    record = {"agent": agent_record, "traces_sha256": file_sha256(folder / "traces.parquet")}
    write_json(folder / "submission.json", template.model_copy(update=record))


@app.command()
def measure(to: To) -> None:
    """Build three times and print what each took."""
    for folder in ("cache", "board", "added"):
        shutil.rmtree(to / folder, ignore_errors=True)
    found = sorted(p.parent for p in (to / "submissions").rglob("submission.json"))
    print(f"{len(found)} submissions, {SUITE.episodes:,} episodes each")
    _measured("every step replayed", to, [to / "submissions"])
    shutil.rmtree(to / "board")
    shutil.rmtree(to / "cache" / "comparisons")
    _measured("from cached replays", to, [to / "submissions"])
    _measured("one submission more", to, [to / "submissions", to / "more"])
    _measured("nothing new", to, [to / "submissions", to / "more"])
    files = [p for p in (to / "board").rglob("*") if p.is_file()]
    largest = max(files, key=lambda p: p.stat().st_size)
    print(f"{len(files):,} files, {sum(p.stat().st_size for p in files) / 1e6:.0f} MB, the largest {largest.name}, "
          f"{largest.stat().st_size / 1e6:.2f} MB")  # fmt: skip


def _measured(what: str, to: Path, folders: list[Path]) -> None:
    """Build in a process of its own, and watch the memory of it and its children: their proportional sets."""
    run = [sys.executable, "-c", "from leaderboard.cli import main; main()", "leaderboard", "build", "--json"]
    command = [*run, "--out", str(to / "board"), "--cache", str(to / "cache"), *map(str, folders)]
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        most = [0]
        watcher = threading.Thread(target=_watch, args=(process, most), daemon=True)
        watcher.start()
        out = process.stdout.read() if process.stdout else b""
    assert process.returncode == 0, out[-2_000:]
    seconds, total = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = total.ru_utime + total.ru_stime - used.ru_utime - used.ru_stime
    rows = json.loads(out)["rows"]
    print(f"{what:22} {seconds:7.1f} s  {worked:7.1f} s of processor  {most[0] / 2**30:5.2f} GiB  {len(rows):,} rows, "
          f"{sum(row['steps'] for row in rows):,} steps", flush=True)  # fmt: skip


def _watch(process: subprocess.Popen[bytes], most: list[int]) -> None:
    while process.poll() is None:
        most[0] = max(most[0], sum(map(_memory, _family(process.pid))))
        time.sleep(0.2)


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [p for number in child.read_text().split() for p in _family(int(number))]
        except OSError:
            continue
    return found


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    app()
