"""`MarketEnv`: a market with one lane behind `pettingzoo.ParallelEnv`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import parallel_to_aec

from recsim_envs.errors import ConfigurationError, EpisodeError, InvalidActionError
from recsim_envs.faces.seeding import checked_seed, episode_seeds
from recsim_envs.markets import make_market

Observations = dict[str, NDArray[np.float32]]
_LANE = np.zeros(1, np.int64)


class MarketEnv(ParallelEnv[str, NDArray[np.float32], int]):  # type: ignore[misc]
    """One world at a time; agents that left are no longer in `agents`.

    `reset(seed=s)` starts episode 0 of seed s, each further `reset()` the next one, with the seeding rule of the
    Gymnasium faces: the same world as a lane of `make_market` begun with the episode's seed. `max_cycles` is another
    name of the option `horizon`. Other arguments are the market's options.
    """

    def __init__(
        self, market: str, *, render_mode: str | None = None, max_cycles: int | None = None, **options: Any
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise ConfigurationError(f"render_mode {render_mode!r} does not exist; use 'ansi' or None")
        if max_cycles is not None:
            if "horizon" in options:
                raise ConfigurationError("max_cycles and horizon are the same option; give one of them")
            options["horizon"] = max_cycles
        self.market = make_market(market, 1, **options)
        spec = self.market.spec
        self.metadata = {"name": spec.name, "render_modes": ["ansi"], "render_fps": 1, "is_parallelizable": True}
        self.render_mode = render_mode
        self.possible_agents = list(spec.agents)
        self.agents: list[str] = []
        # One space each, because learners seed them agent by agent.
        self.observation_spaces = {agent: deepcopy(spec.observation_space) for agent in spec.agents}
        self.action_spaces = {agent: deepcopy(spec.action_space) for agent in spec.agents}
        low, high = (
            np.tile(bound, spec.num_agents) for bound in (spec.observation_space.low, spec.observation_space.high)
        )
        self.state_space = spaces.Box(low, high, dtype=np.float32)
        self._numbers = {agent: i for i, agent in enumerate(spec.agents)}
        self._seed: NDArray[np.uint64] | None = None
        self._episode = np.zeros(1, np.int64)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of what an agent sees; always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions; always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, dict[str, Any]]]:
        """Start the next world. `options` are accepted, as PettingZoo wants it, and none has a meaning."""
        if seed is not None or self._seed is None:
            self._seed = np.array([secrets.randbits(63) if seed is None else checked_seed(seed)], np.uint64)
            self._episode[0] = 0
        else:
            self._episode += 1
        self.market.begin(_LANE, episode_seeds(self._seed, self._episode))
        self.agents = self.possible_agents.copy()
        return self._observations(self.agents), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play a round; one action of each agent in `agents`.

        Raises `EpisodeError` when no agent is left or before `reset`, `InvalidActionError` for a missing or wrong one.
        """
        playing = self.agents
        rewards, terminated, truncated = (values[0].tolist() for values in self.market.step(self._joint(actions)))
        number = self._numbers
        self.agents = [a for a in playing if not (terminated[number[a]] or truncated[number[a]])]
        return (
            self._observations(playing),
            {agent: rewards[number[agent]] for agent in playing},
            {agent: terminated[number[agent]] for agent in playing},
            {agent: truncated[number[agent]] for agent in playing},
            {agent: {} for agent in playing},
        )

    def state(self) -> NDArray[np.float32]:
        """What all agents see, one after another, for learners with a central critic; never what is hidden."""
        return self.market.observe()[0].ravel()

    def render(self) -> str | None:
        """The world as text, in render mode "ansi"."""
        return self.market.render_ansi(0) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Nothing is held open."""

    def _observations(self, agents: list[str]) -> Observations:
        rows = self.market.observe()[0]
        return {agent: rows[self._numbers[agent]] for agent in agents}

    def _joint(self, actions: dict[str, int]) -> NDArray[np.int64]:
        if not self.agents:
            raise EpisodeError("step was called while no agent plays; call reset() first")
        wrong = set(actions) ^ set(self.agents)
        if wrong:
            agent = min(wrong)
            if agent in actions:
                known = "has left" if agent in self._numbers else "does not exist"
                raise InvalidActionError(f"agent {agent!r} {known}; act for {', '.join(self.agents)}")
            raise InvalidActionError(f"agent {agent!r} has no action; give one for each of `agents`")
        joint = np.zeros((1, len(self._numbers)), np.int64)
        for agent, action in actions.items():
            joint[0, self._numbers[agent]] = _integer(agent, action)
        return joint


def _integer(agent: str, action: Any) -> int:
    array = np.asarray(action)
    if array.dtype.kind not in "iu" or array.size != 1:
        raise InvalidActionError(f"action of {agent!r} must be one integer, got {action!r}")
    number = int(array.reshape(()))
    if not -(2**63) <= number < 2**63:
        raise InvalidActionError(f"action of {agent!r} is out of range: {number}")
    return number


Maker = Callable[..., ParallelEnv[str, NDArray[np.float32], int]]


def makers(market: str) -> tuple[Maker, Callable[..., AECEnv[str, NDArray[np.float32], int | None]]]:
    """What a PettingZoo module offers: `parallel_env` and `env`, both taking the market's options by keyword."""

    def parallel_env(**options: Any) -> MarketEnv:
        return MarketEnv(market, **options)

    def env(**options: Any) -> AECEnv[str, NDArray[np.float32], int | None]:
        return parallel_to_aec(MarketEnv(market, **options))

    return parallel_env, env
