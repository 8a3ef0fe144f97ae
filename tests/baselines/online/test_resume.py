"""A training killed at any moment and given again ends in the bits of one that was not interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.online.checkpoints import FILE, read_checkpoint
from baselines.online.dqn import DQNAgent
from baselines.online.ppo import PPOAgent
from baselines.online.recurrent_ppo import RecurrentPPOAgent
from baselines.online.sb3_agent import SB3Agent
from baselines.online.sb3_vec import GymVecEnv
from leaderboard.evaluate.training import MeteredEnvs
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError
from recsim_envs.spec import Budget

SINGLE, SLATES = "longrec/SingleItemBored-v0", "longrec/Retention-v0"
AGENTS = {"dqn": DQNAgent, "ppo": PPOAgent, "recurrent-ppo": RecurrentPPOAgent}
CASES = [("dqn", SINGLE), ("ppo", SLATES), ("recurrent-ppo", SINGLE)]


class KillError(Exception):
    """In place of a kill."""


def door(env_id: str, folder: Path | None, steps: int = 1024, **options) -> MeteredEnvs:
    task = make_simulator(env_id, 1, split="train").task
    return MeteredEnvs(env_id, {}, task, Budget(steps=steps), lambda e, r: 1000 * e + r, folder=folder, **options)


def agent_of(name: str, **parameters) -> SB3Agent:
    return AGENTS[name](**({"num_envs": 16, "checkpoint_seconds": 0.0} | parameters))


def killed_after(envs: MeteredEnvs, steps: int) -> MeteredEnvs:
    """A door that stops everything before its n-th step."""
    demand, left = envs.demand, [steps]

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KillError
        demand()

    envs.demand = count  # type: ignore[method-assign]
    return envs


@pytest.mark.parametrize(("name", "env_id"), CASES)
def test_stopped_again_and_again_it_ends_in_the_same_bits(name: str, env_id: str, tmp_path: Path):
    whole, whole_door = agent_of(name), door(env_id, None)
    whole.train(whole_door, 0)
    parts = agent_of(name)
    for steps in (21, 34):
        with pytest.raises(KillError):
            parts.train(killed_after(door(env_id, tmp_path), steps), 0)
        parts = agent_of(name)  # nothing but the folder survives
    envs = door(env_id, tmp_path)
    parts.train(envs, 0)
    assert (envs.used_steps, envs.used_episodes) == (whole_door.used_steps, whole_door.used_episodes)
    assert parts.describe() == whole.describe()
    assert all(torch.equal(parts._weights[k], whole._weights[k]) for k in whole._weights)
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize(("name", "env_id"), [("dqn", SINGLE), ("ppo", SLATES)])
def test_killed_for_good_it_ends_in_the_same_bits(name: str, env_id: str, tmp_path: Path):
    """The same with a process of its own, and `kill -9` wherever it happens to be."""
    command = [sys.executable, "-m", "tests.baselines.online.test_resume", name, env_id]
    root = Path(__file__).parents[3]
    process = subprocess.Popen([*command, str(tmp_path)], cwd=root, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / FILE).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / FILE).exists()
    resumed, whole = agent_of(name), agent_of(name)
    resumed.train(door(env_id, tmp_path), 0)
    whole.train(door(env_id, None), 0)
    assert resumed.describe() == whole.describe()
    assert all(torch.equal(resumed._weights[k], whole._weights[k]) for k in whole._weights)


def test_a_finished_training_given_again_costs_no_step(tmp_path: Path):
    first, again = agent_of("dqn"), agent_of("dqn")
    first.train(door(SINGLE, tmp_path), 0)
    envs = door(SINGLE, tmp_path)
    again.train(envs, 0)
    assert envs.used_steps == 1024
    assert again.describe() == first.describe()
    assert all(torch.equal(again._weights[k], first._weights[k]) for k in first._weights)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    agent_of("dqn").train(door(SINGLE, tmp_path, 128), 0)
    return tmp_path


@pytest.mark.parametrize(
    ("learner", "env_id", "steps", "seed", "fault"),
    [
        (agent_of("ppo"), SINGLE, 128, 0, "agent DQNAgent, not PPOAgent"),
        (agent_of("dqn"), "longrec/SingleItemStatic-v0", 128, 0, "environment longrec/SingleItemBored-v0, not"),
        (agent_of("dqn"), SINGLE, 256, 0, r"budget \[None, 128\], not \[None, 256\]"),
        (agent_of("dqn"), SINGLE, 128, 1, "seed 0, not 1"),
        (agent_of("dqn", gamma=0.5), SINGLE, 128, 0, "gamma 0.9, not 0.5"),
    ],
)
def test_checkpoints_of_other_trainings_are_refused(kept: Path, learner, env_id, steps, seed, fault):
    with pytest.raises(AgentError, match=fault):
        learner.train(door(env_id, kept, steps), seed)


def test_checkpoints_of_another_version_are_refused(kept: Path):
    with pytest.raises(AgentError, match="training with versions 1, not 2"):
        _other_version(kept)


def _other_version(folder: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(str(folder / FILE), "pt") as file:
        facts = json.loads(file.metadata()["facts"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    facts["identity"] = {"versions": 1}
    save_file(tensors, str(folder / FILE), {"facts": json.dumps(facts)})
    read_checkpoint(folder, {"versions": 2})


@pytest.mark.parametrize("file", [FILE, "environments/000000.npz"])
def test_damaged_files_are_named(kept: Path, file: str):
    path = kept / file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(AgentError, match=f"{file}.*damaged"):
        agent_of("dqn").train(door(SINGLE, kept, 128), 0)


@pytest.mark.parametrize("name", ["dqn", "ppo", "recurrent-ppo"])
def test_a_loss_that_is_no_number_stops_training_and_keeps_the_last_checkpoint(name: str, tmp_path: Path, monkeypatch):
    broken = agent_of(name)
    with pytest.raises(KillError):
        broken.train(killed_after(door(SINGLE, tmp_path), 40), 0)
    good = (tmp_path / FILE).read_bytes()
    play = GymVecEnv.step_wait

    def spoilt(self):
        states, rewards, dones, infos = play(self)
        return states, rewards * np.float32(np.nan), dones, infos

    monkeypatch.setattr(GymVecEnv, "step_wait", spoilt)
    with pytest.raises(AgentError, match=r"no finite number after \d+ steps and \d+ updates"):
        agent_of(name, checkpoint_seconds=1e9).train(door(SINGLE, tmp_path), 0)
    assert (tmp_path / FILE).read_bytes() == good


if __name__ == "__main__":
    agent_of(sys.argv[1]).train(door(sys.argv[2], Path(sys.argv[3])), 0)
