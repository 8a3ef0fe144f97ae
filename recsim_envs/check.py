"""Does an environment keep the rules: the public checkers, and the vector face against the scalar one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from recsim_envs import rng

_OPTIONAL = {"stable_baselines3", "torch"}


class Finding(NamedTuple):
    """The outcome of one check; `detail` says what was checked, what failed, or what to install.

    A check whose checker is not installed is skipped: it has not failed, so `ok` is True.
    """

    check: str
    ok: bool
    detail: str
    skipped: bool = False


def check_environment(env_id: str, lanes: int = 16, steps: int = 60) -> list[Finding]:
    """Run all checks on a registered id, each reported whether or not the others pass.

    Raises `ConfigurationError` for an id that is not registered.
    """
    from recsim_envs import make_simulator

    make_simulator(env_id, 1)  # unknown ids and broken worlds raise their own errors, with suggestions
    checks: list[tuple[str, Callable[[], str]]] = [
        ("gymnasium", lambda: _gymnasium(env_id)),
        ("stable-baselines3", lambda: _stable_baselines3(env_id)),
        ("vector = scalar", lambda: _vector_equals_scalar(env_id, lanes, steps)),
    ]
    return [_finding(name, check) for name, check in checks]


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Finding(name, True, check())
    except Exception as error:  # a checker may raise anything; the report is the point
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _OPTIONAL:
            return Finding(name, True, f"cannot be run without {error.name}: pip install 'longrec[rl]'", skipped=True)
        return Finding(name, False, f"{type(error).__name__}: {error}")


def _gymnasium(env_id: str) -> str:
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(env_id).unwrapped, skip_render_check=False)
    return "check_env passes"


def _stable_baselines3(env_id: str) -> str:
    from stable_baselines3.common.env_checker import check_env

    check_env(gymnasium.make(env_id), warn=False)
    return "check_env passes"


def _vector_equals_scalar(env_id: str, lanes: int, steps: int) -> str:
    """Random actions in a vector environment and in as many scalar ones give the same bits."""
    seeds = list(range(lanes))
    vector = gymnasium.make_vec(env_id, num_envs=lanes, autoreset_mode=AutoresetMode.DISABLED)
    scalars = [gymnasium.make(env_id, disable_env_checker=True) for _ in range(lanes)]
    batch, _ = vector.reset(seed=seeds)  # type: ignore[arg-type]
    for lane, env in enumerate(scalars):
        _same(batch, env.reset(seed=seeds[lane])[0], lane, "reset")
    compared = 0
    for step in range(steps):
        masks = vector.unwrapped.action_masks()  # type: ignore[attr-defined]
        ranks = rng.below_array(masks.sum(axis=1), np.arange(lanes), step, rng.POLICY)
        actions = (np.cumsum(masks, axis=1) > ranks[:, None]).argmax(axis=1)
        batch, rewards, terminated, truncated, _ = vector.step(actions)
        for lane, env in enumerate(scalars):
            observation, *outcome, _ = env.step(int(actions[lane]))
            _same(batch, observation, lane, f"step {step}")
            if outcome != [rewards[lane], terminated[lane], truncated[lane]]:
                raise AssertionError(f"lane {lane}, step {step}: reward or end differs")
            compared += 1
        over = terminated | truncated
        if over.any():
            batch, _ = vector.reset(options={"reset_mask": over})
            for ended in np.flatnonzero(over).tolist():
                _same(batch, scalars[ended].reset()[0], ended, "second reset")
    return f"{compared} steps of {lanes} lanes are the same bit for bit"


def _same(batch: dict[str, np.ndarray], observation: dict[str, np.ndarray], lane: int, when: str) -> None:
    for key, value in observation.items():
        if not np.array_equal(batch[key][lane], value):
            raise AssertionError(f"lane {lane}, {when}: observation {key!r} differs")
