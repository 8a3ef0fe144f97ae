"""Checks of the multi-agent environments: PettingZoo's own tests, and the rules that the simulators keep too."""

from __future__ import annotations

import copy
import importlib
import io
import multiprocessing
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.check.finding import require
from recsim_envs.check.gap import told
from recsim_envs.errors import InvalidActionError
from recsim_envs.faces.seeding import episode_seeds
from recsim_envs.markets import make_market
from recsim_envs.markets.base import Market
from recsim_envs.markets.gap import market_gap
from recsim_envs.markets.play import digests, random_actions

LANES, ROUNDS = 16, 40


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"recsim_envs.{name}")


def _pettingzoo(test: Callable[[ModuleType], Any]) -> Callable[[str], str]:
    def run(name: str) -> str:
        with redirect_stdout(io.StringIO()):  # PettingZoo prints as it goes
            test(_module(name))
        return "passes"

    return run


def _api(module: ModuleType) -> None:
    from pettingzoo.test import api_test

    api_test(module.env(), num_cycles=200)


def _parallel_api(module: ModuleType) -> None:
    from pettingzoo.test import parallel_api_test

    parallel_api_test(module.parallel_env(), num_cycles=200)


def _seed(module: ModuleType) -> None:
    from pettingzoo.test import parallel_seed_test, seed_test

    seed_test(module.env, num_cycles=50)
    parallel_seed_test(module.parallel_env, num_cycles=50)


def _max_cycles(module: ModuleType) -> None:
    from pettingzoo.test import max_cycles_test

    max_cycles_test(module)


def _begun(name: str, lanes: int = LANES, number: int = 1) -> tuple[Market, NDArray[np.uint64]]:
    market, keys = make_market(name, lanes), rng.bits_array(number, np.arange(lanes), rng.POLICY) >> np.uint64(1)
    market.begin(np.arange(lanes), keys)
    return market, keys


def vector_equals_parallel(name: str) -> str:
    """Random actions in many lanes and in as many parallel environments give the same bits."""
    market, keys = _begun(name)
    market.begin(np.arange(LANES), episode_seeds(keys, np.zeros(LANES, np.int64)))
    envs = [_module(name).parallel_env() for _ in range(LANES)]
    for env, key in zip(envs, keys.tolist(), strict=True):
        env.reset(seed=key)
    for number in range(ROUNDS):
        actions = random_actions(market, keys, number)
        rewards, seen = market.step(actions).rewards, market.observe()
        for lane, env in enumerate(envs):
            numbers = {agent: env.possible_agents.index(agent) for agent in env.agents}
            if not numbers:
                continue
            observed, earned, *_ = env.step({agent: int(actions[lane, i]) for agent, i in numbers.items()})
            same = all(
                np.array_equal(observed[agent], seen[lane, i]) and earned[agent] == rewards[lane, i]
                for agent, i in numbers.items()
            )
            require(same, f"lane {lane}, round {number}: the faces differ")
    return f"{ROUNDS} rounds of {LANES} lanes are the same bit for bit"


def same_in_another_process(name: str) -> str:
    """A fresh interpreter with another batch size and order computes the same bits, and seeds matter."""
    keys = _begun(name)[1]
    here, order = digests(name, keys, ROUNDS), np.argsort(keys)[: LANES - 3]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(digests, name, keys[order], ROUNDS).result()
    require([here[lane] for lane in order] == there, "another process, with its lanes in another order, differs")
    require(len(set(here)) > 1, "all seeds give the same world")
    return f"{len(order)} lanes in another order are the same bit for bit"


def rules(name: str) -> str:
    """Copies go on alike; observations and rewards keep their bounds; wrong actions are refused and move nothing."""
    market, keys = _begun(name)
    twins = copy.deepcopy(market), pickle.loads(pickle.dumps(market))
    low, high = market.spec.reward_range
    for number in range(ROUNDS):
        actions = random_actions(market, keys, number)
        _refuses(market, actions)
        rewards = market.step(actions).rewards
        require(((rewards >= low) & (rewards <= high)).all(), f"round {number}: a reward is outside {low:g}..{high:g}")
        space = market.spec.observation_space
        require(
            all(space.contains(row) for row in market.observe().reshape(-1, *space.shape)),
            f"round {number}: an observation is outside its space",
        )
        require(all(np.array_equal(t.step(actions).rewards, rewards) for t in twins), f"round {number}: a copy differs")
    return "copies, bounds, refusals"


def _refuses(market: Market, actions: NDArray[np.int64]) -> None:
    if not market.active[0, 0]:
        return
    wrong, before = actions.copy(), market.observe()
    wrong[0, 0] = market.spec.num_actions
    for bad in (wrong, actions.astype(np.float64), actions[:, :-1]):
        try:
            market.step(bad)
        except InvalidActionError:
            require(np.array_equal(market.observe(), before), "refused actions moved something")
        else:
            raise AssertionError("wrong actions were accepted")


def hygiene(name: str) -> str:
    """Infos are empty: nothing hidden is told."""
    env = _module(name).parallel_env()
    infos = [env.reset(seed=0)[1]]
    for number in range(ROUNDS):
        if not env.agents:
            break
        *_, info = env.step({agent: number % int(env.action_space(agent).n) for agent in env.agents})
        infos.append(info)
    hidden = set(make_market(name, 1).hidden())
    told = {key for info in infos for agent in info.values() for key in agent}
    require(not told & hidden, f"infos show hidden state: {', '.join(sorted(told & hidden))}")
    return f"{len(hidden)} hidden names stay hidden"


def speed(name: str) -> str:
    """Rounds a second of the simulator; a round is one action of all agents of a world. Told, never judged."""
    lanes, rounds = 1024, 10
    market, keys = _begun(name, lanes)
    market.step(random_actions(market, keys, 0))
    actions = random_actions(market, keys, 1)
    start = time.perf_counter()
    for _ in range(rounds):
        market.step(actions)
        market.observe()
    rate = lanes * rounds / (time.perf_counter() - start)
    return f"{rate:,.0f} rounds a second of {market.spec.num_agents} agents at {lanes} lanes"


def horizon_gap(name: str) -> str:
    """What all agents together earn when they plan, over what they earn when each maximises its next reward."""
    return told(market_gap(name))


CHECKS: dict[str, Callable[[str], str]] = {
    "pettingzoo api_test": _pettingzoo(_api),
    "pettingzoo parallel_api_test": _pettingzoo(_parallel_api),
    "pettingzoo seed_test": _pettingzoo(_seed),
    "pettingzoo max_cycles_test": _pettingzoo(_max_cycles),
    "vector = parallel": vector_equals_parallel,
    "same bits in another process": same_in_another_process,
    "rules are kept": rules,
    "nothing hidden is shown": hygiene,
    "speed": speed,
    "horizon gap": horizon_gap,
}
