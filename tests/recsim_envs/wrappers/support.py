"""The same session through both faces, wrapped the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.vector import SimulatorVectorEnv

LANES = 5


def row(batch: Any, lane: int) -> Any:
    return {key: part[lane] for key, part in batch.items()} if isinstance(batch, dict) else batch[lane]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return one.dtype == other.dtype and np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


def assert_faces_agree(scalar_of, vector_of, options: dict[str, Any], actions: list[Any], mode: AutoresetMode) -> int:
    """Play the same actions in LANES lanes and in as many scalar environments; how many sessions ended.

    `actions[t][lane]` is the action of a lane in step t. An ended scalar environment is reset when its lane is:
    within the step, instead of the next one, or by hand.
    """
    vector = vector_of(SimulatorVectorEnv(LANES, autoreset_mode=mode, **options))
    seeds = list(range(40, 40 + LANES))
    observations, infos = vector.reset(seed=seeds)
    scalars = [scalar_of(SimulatorEnv(**options)) for _ in seeds]
    firsts = [env.reset(seed=seed) for env, seed in zip(scalars, seeds, strict=True)]
    assert vector.observation_space.contains(observations)
    for lane, (observation, info) in enumerate(firsts):
        assert same(observation, row(observations, lane))
        assert same(info, row(infos, lane))
    over, ended = [False] * LANES, 0
    for batch in actions:
        if mode is AutoresetMode.DISABLED and any(over):
            observations, infos = vector.reset(options={"reset_mask": np.array(over)})
            for lane in np.flatnonzero(over):
                assert same(scalars[lane].reset()[0], row(observations, lane))
            over = [False] * LANES
        observations, rewards, terminated, truncated, infos = vector.step(batch)
        for lane, env in enumerate(scalars):
            if over[lane]:
                observation, info = env.reset()
                reward, left, capped = 0.0, False, False
            else:
                observation, reward, left, capped, info = env.step(batch[lane])
            assert (reward, left, capped) == (rewards[lane], terminated[lane], truncated[lane])
            over[lane] = left or capped
            ended += over[lane]
            if over[lane]:
                assert_summaries_agree(info, infos, lane)
            if over[lane] and mode is AutoresetMode.SAME_STEP:
                assert infos["_final_obs"][lane]
                assert same(observation, row(infos["final_obs"], lane))
                over[lane] = False
                observation, info = env.reset()
            assert same(observation, row(observations, lane))
            if "action_mask" in info:
                assert same(info["action_mask"], infos["action_mask"][lane])
    return ended


def assert_summaries_agree(info: dict[str, Any], infos: dict[str, Any], lane: int) -> None:
    assert ("episode" in info) == ("episode" in infos)
    if "episode" in info:
        assert infos["_episode"][lane]
        for key, value in info["episode"].items():
            assert key == "t" or infos["episode"][key][lane] == value, key
