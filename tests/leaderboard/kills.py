"""Kill an evaluation with SIGKILL at random moments, again and again, and see that nothing is lost or comes out other.

    python -m tests.leaderboard.kills --kills 50

A run goes from an empty folder to a board: evaluate, submit, build. It is killed, taken up by the same call, and killed
again; after a few times it may finish, and the next one begins. Processes are forked from one that has loaded the
libraries and compiled kernels, so that kills fall on the work and not on imports.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from leaderboard import seeds
from leaderboard.board.build import build
from leaderboard.evaluate import played
from leaderboard.evaluate.batch import Job, evaluate
from leaderboard.schema import Suite, Task
from leaderboard.submit import find, submit
from leaderboard.traces import read_trace
from tests.leaderboard.conftest import ENV
from tests.worlds import tiny_world

# In a file of their own: the hash of an agent's sources is part of its run, and somebody may be editing ours.
SOURCE = """
from pathlib import Path
import numpy as np
from recsim_envs.spec import Agent

class First(Agent):
    def reset(self, task, num_lanes, seed):
        self.items = task.catalogue.num_items
    def act(self, observations, infos, sessions):
        with Path(__file__).with_name("begun").open("a") as file:
            file.writelines(f"{type(self).__name__} {key}\\n" for key in sessions.keys[sessions.steps == 0].tolist())
        return ((sessions.keys >> np.uint64(8)) + sessions.steps.astype(np.uint64)).astype(np.int64) % self.items

class Second(First):
    def act(self, observations, infos, sessions):
        return (super().act(observations, infos, sessions) * 7) % self.items
"""
AGENTS = ("kills_agents:First", "kills_agents:Second")
IN_A_ROW = 6  # kills of one run before it may finish
# How long it took, and which commit was there, is not what came out.
MAKING = {"created", "wall_seconds", "working_seconds", "latency", "train_seconds", "test_seconds", "commit", "dirty"}


def suite_on(world: Path) -> Suite:
    """Three cells of a few milliseconds each, for each agent."""
    task = Task(env_id=ENV, options={"world": str(world)}, episodes=40)
    return Suite(name="kills", training_seeds=(0, 1, 2), tasks=(task,))


def whole_way(folder: Path, suite: Suite) -> None:
    """From wherever the folder stands to a board."""
    for n, agent in enumerate(AGENTS):
        evaluate(Job(agent, folder / "runs" / str(n)), suite, workers=1)
        submit(folder / "runs" / str(n), folder / "submissions")
    build(find([folder / "submissions"]), folder / "board", cache=folder / "cache", workers=1)


def fork(folder: Path, suite: Suite) -> int:
    """A process that goes the whole way; its id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            whole_way(folder, suite)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def killed_after(seconds: float, folder: Path, suite: Suite) -> bool:
    """Whether a run was killed so long after its start; false if it had finished by then."""
    child = fork(folder, suite)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def finished(folder: Path) -> dict[Path, bytes]:
    """What must not be lost: the finished cells of each run, and the traces that they were joined to."""
    files = (*folder.glob("runs/*/cells/*.parquet"), *folder.glob("runs/*/traces.parquet"))
    return {file: file.read_bytes() for file in files if not file.name.startswith(".")}


def ended(folder: Path, suite: Suite) -> set[str]:
    """Agent and key of each session that a cell which goes on has kept, as the agents note those that they begin."""
    found = set()
    for file in folder.glob("runs/*/cells/[!.]*.played"):
        quota = suite.tasks[0].episodes
        trace = read_trace(file, quota)[0]
        keys = seeds.session_keys(suite.seed_name, ENV, int(trace.training_seed[0]), quota)[trace.episode]
        agent = AGENTS[int(file.parts[-3])].partition(":")[2]
        found |= {f"{agent} {key}" for key in keys.tolist()}
    return found


def outcome(folder: Path) -> Any:
    """The traces of all submissions and the rows of the board, without how they were made; None if there is none."""
    if not (folder / "board").is_dir():
        return None
    traces = {f.parts[-3]: f.read_bytes() for f in folder.glob("submissions/*/*/traces.parquet")}
    rows = json.loads((folder / "board" / "leaderboard.json").read_text())
    return traces, _made_alike(rows), sorted(p.name for p in (folder / "board").iterdir())


def _made_alike(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _made_alike(inner) for key, inner in value.items() if key not in MAKING}
    return [_made_alike(inner) for inner in value] if isinstance(value, list) else value


def study(kills: int, seed: int = 0) -> dict[str, float]:
    """Kill so many times; what was seen. Raises `AssertionError` for anything lost or other."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="longrec-kills-") as scratch:
        world = Path(scratch) / "world"
        tiny_world(users=40, items=60, threshold=0.6, r_min=2.0).save(world)
        suite, begun, spared = suite_on(world), Path(scratch, "begun"), 0
        vars(played).update(EVERY=0.0, _SHARE=0)  # what ends is kept at once
        Path(scratch, "kills_agents.py").write_text(SOURCE)
        sys.path.insert(0, scratch)
        for name in ("first", "reference"):  # the first loads kernels and fills caches, which forks then share
            start = time.perf_counter()
            whole_way(Path(scratch) / name, suite)
            length = time.perf_counter() - start
        wanted, done, runs, kept = outcome(Path(scratch) / "reference"), 0, 0, 0
        assert wanted is not None
        while done < kills:
            folder, runs = Path(scratch) / "run", runs + 1
            for _ in range(min(IN_A_ROW, kills - done)):
                before, sessions = finished(folder), ended(folder, suite)
                begun.write_text("")
                spared += len(sessions)
                if not killed_after(chance.uniform(0.0, length), folder, suite):
                    break
                done += 1
                kept += len(before)
                check_kept(before)
                assert sessions.isdisjoint(begun.read_text().splitlines()), "a finished session was played again"
                check_same(outcome(folder) or wanted, wanted)
            before = finished(folder)
            assert os.waitpid(fork(folder, suite), 0)[1] == 0, "it could not be taken up"
            check_kept(before)
            check_same(outcome(folder), wanted)
            shutil.rmtree(folder)
    return {
        "kills": done,
        "runs": runs,
        "finished files kept": kept,
        "finished sessions kept": spared,
        "seconds of an uninterrupted run": length,
    }


def check_kept(before: dict[Path, bytes]) -> None:
    """Each finished file is as it was, or has become a part of its run's traces."""
    for file, content in before.items():
        joined = file.parent.name == "cells" and (file.parents[1] / "traces.parquet").exists()
        assert joined or file.read_bytes() == content, f"{file} was lost"


def check_same(found: Any, wanted: Any, where: str = "") -> None:
    """Raise `AssertionError` naming the first place at which two outcomes differ."""
    if isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        for key in wanted:
            check_same(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list | tuple) and isinstance(found, list | tuple) and len(wanted) == len(found):
        for n, (one, other) in enumerate(zip(found, wanted, strict=True)):
            check_same(one, other, f"{where}.{n}")
    else:
        assert found == wanted, f"a board that differs at {where}: {found!r:.300}, not {wanted!r:.300}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(study(given.kills, given.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
