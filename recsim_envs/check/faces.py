"""Checks of the faces: the public checkers, vector against scalar, one process against another."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from recsim_envs import rng
from recsim_envs.check.finding import require
from recsim_envs.check.play import digests, family_options
from recsim_envs.policies import random_actions

LANES, STEPS = 16, 60


def gymnasium_checker(env_id: str) -> str:
    """Gymnasium's `check_env`."""
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(env_id).unwrapped, skip_render_check=False)
    return "check_env passes"


def stable_baselines3_checker(env_id: str) -> str:
    """Stable-Baselines3's `check_env`."""
    from stable_baselines3.common.env_checker import check_env

    check_env(_Allowed(gymnasium.make(env_id)), warn=False)
    return "check_env passes"


class _Allowed(gymnasium.Wrapper):  # type: ignore[type-arg]
    """Shows the first item that may be shown in place of one that may not: SB3's checker draws without the mask."""

    def step(self, action: Any) -> Any:
        simulator = self.env.unwrapped.simulator  # type: ignore[attr-defined]
        mask = simulator.infos().get("action_mask")
        if mask is not None and simulator.task.slate_size is None and not mask[0, action]:
            action = int(mask[0].argmax())
        return self.env.step(action)


def vector_equals_scalar(env_id: str) -> str:
    """Random actions in a vector environment and in as many scalar ones give the same bits."""
    seeds, keys = list(range(LANES)), np.arange(LANES, dtype=np.uint64)
    vector = gymnasium.make_vec(env_id, num_envs=LANES, autoreset_mode=AutoresetMode.DISABLED)
    scalars = [gymnasium.make(env_id, disable_env_checker=True) for _ in range(LANES)]
    batch, _ = vector.reset(seed=seeds)  # type: ignore[arg-type]
    for lane, env in enumerate(scalars):
        _same(batch, env.reset(seed=seeds[lane])[0], lane, "reset")
    for step in range(STEPS):
        actions = random_actions(vector.unwrapped.simulator, keys, step)  # type: ignore[attr-defined]
        batch, rewards, terminated, truncated, _ = vector.step(actions)
        for lane, env in enumerate(scalars):
            observation, *outcome, _ = env.step(actions[lane] if actions.ndim > 1 else int(actions[lane]))
            _same(batch, observation, lane, f"step {step}")
            require(
                outcome == [rewards[lane], terminated[lane], truncated[lane]],
                f"lane {lane}, step {step}: reward or end differs between the faces",
            )
        over = terminated | truncated
        if over.any():
            batch, _ = vector.reset(options={"reset_mask": over})
            for ended in np.flatnonzero(over).tolist():
                _same(batch, scalars[ended].reset()[0], ended, "second reset")
    return f"{STEPS} steps of {LANES} lanes are the same bit for bit"


def _same(batch: dict[str, np.ndarray], observation: dict[str, np.ndarray], lane: int, when: str) -> None:
    for key, value in observation.items():
        require(batch[key][lane].tobytes() == value.tobytes(), f"lane {lane}, {when}: observation {key!r} differs")


def same_in_another_process(env_id: str) -> str:
    """A fresh interpreter with another batch size and order computes the same bits."""
    kwargs, keys = family_options(env_id), rng.bits_array(7, np.arange(LANES), rng.POLICY)
    here = digests(kwargs, keys, STEPS)
    order = np.argsort(keys)[: LANES - 3]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(digests, kwargs, keys[order], STEPS).result()
    require([here[lane] for lane in order] == there, "another process, with its lanes in another order, differs")
    return f"{len(order)} lanes in another order are the same bit for bit"
