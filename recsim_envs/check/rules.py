"""Checks of the rules that every simulator keeps: independence, bounds, refusals, nothing hidden in sight."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.check.finding import require
from recsim_envs.check.play import digests, family_options
from recsim_envs.errors import InvalidActionError
from recsim_envs.families.base import ALL, Simulator
from recsim_envs.policies import random_actions
from recsim_envs.registration import make_simulator

LANES, STEPS = 32, 40


def _keys(number: int, lanes: int = LANES) -> NDArray[np.uint64]:
    return rng.bits_array(number, np.arange(lanes), rng.POLICY)


def _begun(env_id: str, number: int = 1) -> tuple[Simulator, NDArray[np.uint64]]:
    simulator, keys = make_simulator(env_id, LANES), _keys(number)
    simulator.begin(np.arange(LANES), keys)
    return simulator, keys


def independence(env_id: str) -> str:
    """A lane does not depend on its neighbours; different seeds give different sessions."""
    kwargs, keys = family_options(env_id), _keys(1)
    alone = [digests(kwargs, keys[lane : lane + 1], STEPS)[0] for lane in range(4)]
    together = digests(kwargs, keys, STEPS)
    require(alone == together[:4], "a lane differs when other lanes run beside it")
    different = len(set(digests(kwargs, keys, STEPS, np.zeros(LANES, np.uint64))))
    require(different > 1, "all seeds give the same session")
    return f"neighbours change nothing, {different} of {LANES} seeds give different sessions to the same actions"


def copies(env_id: str) -> str:
    """A deep copy and a pickled copy of a running simulator go on with the same bits."""
    simulator, keys = _begun(env_id)
    for step in range(3):
        simulator.step(random_actions(simulator, keys, step))
    twins = copy.deepcopy(simulator), pickle.loads(pickle.dumps(simulator))
    for step in range(3, STEPS):
        actions = random_actions(simulator, keys, step)
        outcome, state = simulator.step(actions), _state(simulator)
        for twin in twins:
            same = all(np.array_equal(a, b) for a, b in zip(twin.step(actions), outcome, strict=True))
            require(same and _state(twin) == state, f"step {step}: a copy went on otherwise")
    return "deepcopy and pickle"


def bounds(env_id: str) -> str:
    """Observations stay in their space and rewards in their range, until the horizon, whatever is shown."""
    played = 0
    for name in ("random", "lowest", "highest", "same"):
        simulator, keys = _begun(env_id, 2)
        steps = 0
        while not simulator.over.all():
            require(steps < simulator.task.horizon, f"{name} actions: a session is longer than the horizon")
            _step_within_bounds(simulator, _policy(name, simulator, keys, steps), name, steps)
            steps += 1
        played += steps
    return f"{played} steps of {LANES} lanes: random, lowest, highest and repeated actions"


def _policy(name: str, simulator: Simulator, keys: NDArray[np.uint64], step: int) -> NDArray[np.int64]:
    allowed = random_actions(simulator, keys, step if name == "random" else 0)
    mask = simulator.infos().get("action_mask")
    if name == "random" or (name == "same" and mask is None):
        return allowed
    items = simulator.task.catalogue.num_items
    if mask is None:
        return np.full_like(allowed, 0 if name == "lowest" else items - 1)
    extreme = mask.argmax(axis=1) if name == "lowest" else items - 1 - mask[:, ::-1].argmax(axis=1)
    return np.broadcast_to(extreme.reshape(LANES, *[1] * (allowed.ndim - 1)), allowed.shape).copy()


def _step_within_bounds(simulator: Simulator, actions: NDArray[np.int64], name: str, step: int) -> None:
    rewards = simulator.step(actions).rewards
    low, high = simulator.task.reward_range
    where = f"{name} actions, step {step}"
    require(np.isfinite(rewards).all(), f"{where}: a reward is not finite")
    require(((rewards >= low) & (rewards <= high)).all(), f"{where}: a reward is outside {low:g}..{high:g}")
    for key, space in simulator.task.observation_space.spaces.items():
        batch = simulator.observe()[key]
        require(batch.dtype == space.dtype, f"{where}: {key!r} is {batch.dtype}, the space says {space.dtype}")
        require(batch.shape[1:] == space.shape, f"{where}: {key!r} is {batch.shape[1:]}, the space says {space.shape}")
        for lane in range(simulator.num_lanes):
            require(space.contains(batch[lane]), f"{where}: {key!r} of lane {lane} is outside its space: {batch[lane]}")


def refusals(env_id: str) -> str:
    """What is no action raises `InvalidActionError` and moves nothing."""
    simulator, keys = _begun(env_id, 3)
    good = random_actions(simulator, keys, 0)
    wrong: list[Any] = [good[:-1], good.astype(np.float64), good[:, None], np.full(good.shape, np.nan), None, "a"]
    for value in (-1, simulator.task.catalogue.num_items, 2**40, -(2**63)):
        one = good.copy()
        one.reshape(LANES, -1)[LANES - 1, -1] = value  # a single slot of a slate
        wrong.append(one)
    before = _state(simulator)
    for actions in wrong:
        try:
            simulator.step(actions)
        except InvalidActionError:
            require(_state(simulator) == before, f"refused actions moved something: {str(actions)[:60]}")
        else:
            raise AssertionError(f"{str(actions)[:60]} was taken for actions")
    return f"{len(wrong)} kinds of wrong actions"


def _told(simulator: Simulator) -> list[NDArray[Any]]:
    """All that a simulator hands out between two steps, one row a lane."""
    arrays = *simulator.observe().values(), *simulator.infos().values()
    return [*arrays, simulator.over, simulator.user_ids(), simulator.causes()]


def _state(simulator: Simulator, lanes: NDArray[np.int64] | slice = ALL) -> list[Any]:
    return [array[lanes].tolist() if array.dtype == object else array[lanes].tobytes() for array in _told(simulator)]


def own_arrays(env_id: str) -> str:
    """What a caller writes into arrays that it passed or was given changes nothing: the simulator keeps its own."""
    (plain, keys), (spoiled, _) = _begun(env_id, 5), _begun(env_id, 5)
    _scribble(_told(spoiled))
    for step in range(STEPS):
        actions = random_actions(plain, keys, step)
        given = actions.copy()
        kept, got = plain.step(actions), spoiled.step(given)
        same = all(np.array_equal(a, b) for a, b in zip(kept, got, strict=True)) and _state(plain) == _state(spoiled)
        require(same, f"step {step}: writing into arrays that were handed out, or passed, changes what follows")
        _scribble([given, *got, *_told(spoiled)])
    return f"{STEPS} steps, each array overwritten after use"


def _scribble(arrays: list[NDArray[Any]]) -> None:
    for array in arrays:
        if array.flags.writeable:
            array[...] = "?" if array.dtype == object else ~array if array.dtype == np.bool_ else 1


def ends(env_id: str) -> str:
    """A session that is over earns nothing and says why it ended; beginning some lanes leaves the others alone."""
    simulator, keys = _begun(env_id, 6)
    for step in range(simulator.task.horizon):
        before = simulator.over
        actions = random_actions(simulator, keys, step)
        actions[before] = -1  # to be ignored
        rewards, terminated, truncated = simulator.step(actions)
        over, causes = simulator.over, simulator.causes()
        require(not rewards[before].any(), f"step {step}: a session that is over earns a reward")
        require(over[before].all(), f"step {step}: a session that is over runs again")
        require(np.array_equal(terminated | truncated, over), f"step {step}: flags and `over` disagree")
        require(
            np.array_equal(causes != "", over), f'step {step}: causes must be "" while a session runs, and only then'
        )
        if over.all():
            break
    require(simulator.over.all(), f"a session still runs after the horizon of {simulator.task.horizon} steps")
    return _restarted(simulator, keys)


def _restarted(simulator: Simulator, keys: NDArray[np.uint64]) -> str:
    simulator.begin(np.arange(LANES), keys)
    simulator.step(random_actions(simulator, keys, 0))
    chosen, others = np.arange(0, LANES, 2), np.arange(1, LANES, 2)
    before = _state(simulator, others)
    simulator.begin(chosen, keys[others])
    require(_state(simulator, others) == before, "beginning some lanes changes others")
    require(not simulator.over[chosen].any(), "a session that has just begun is over")
    return f"{LANES} sessions to their end, half of the lanes begun anew beside the others"


def hygiene(env_id: str) -> str:
    """Neither observations nor infos name or hold hidden state, nor who the user is."""
    simulator, keys = _begun(env_id, 4)
    state = simulator.hidden()
    clash = [name for name in simulator.constants() if isinstance(state.get(name), np.ndarray)]
    require(not clash, f"hidden() and constants() call two things {', '.join(clash)}")
    for name, array in state.items():
        if isinstance(array, np.ndarray) and name not in simulator.shared:
            require(array.shape[:1] == (LANES,), f"hidden {name!r} has no row a lane, and is not in `shared`")
    hidden = set(simulator.privileged()) - set(simulator.task.observation_space.spaces)
    for step in range(STEPS):
        public = simulator.observe() | simulator.infos()
        require(set(simulator.observe()) == set(simulator.task.observation_space.spaces), "observation keys differ")
        named = hidden & set(simulator.infos())
        require(not named, f"infos show hidden state: {', '.join(sorted(named))}")
        for key, array in public.items():
            require(len(array) == LANES, f"{key!r} has {len(array)} rows for {LANES} lanes")
            users = simulator.user_ids()
            # As whatever number type: an id that was cut or rounded is told all the same.
            ids = array.reshape(LANES, -1) if array.dtype.kind in "iuf" else np.empty((LANES, 0))
            told = (ids == users.astype(array.dtype)[:, None]).all(axis=0).any() and len(np.unique(users)) > 1
            require(not told, f"{key!r} tells who the user is")
        simulator.step(random_actions(simulator, keys, step))
    return f"{len(hidden)} hidden names stay hidden"
