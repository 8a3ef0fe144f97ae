"""`SimulatorVectorEnv`: a simulator with B lanes behind `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, EpisodeError
from recsim_envs.faces.env import RENDER_FPS, RENDER_MODES, film_for
from recsim_envs.faces.masks import flat_masks
from recsim_envs.faces.seeding import checked_seeds, episode_seeds, lane_seeds
from recsim_envs.families import make_family
from recsim_envs.spec import TaskSpec

Observations = dict[str, NDArray[Any]]


class SimulatorVectorEnv(VectorEnv[Observations, NDArray[Any], NDArray[Any]]):
    """B users at a time, natively vectorised; lane i equals a scalar environment reset with the seed of lane i.

    `reset(seed=int)` gives lane i the seed `lane_seeds(seed, B)[i]`, `reset(seed=[...])` one seed each.
    `autoreset_mode` is Gymnasium's, as enum or value: "NextStep" (default), "SameStep", "Disabled". In mode
    SameStep the ended sessions' last observations and infos are `infos["final_obs"]` and
    `infos["final_info"]`, dicts of batched arrays, valid in the rows where `infos["_final_obs"]` is True. In
    mode Disabled, ended lanes are started anew by `reset(options={"reset_mask": bool (B,)})`, and stepping an
    ended lane raises `EpisodeError`. Other arguments are the family's options.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        family: str,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            values = ", ".join(repr(mode.value) for mode in AutoresetMode)
            raise ConfigurationError(f"autoreset_mode {autoreset_mode!r} does not exist; use {values}") from None
        self.simulator = make_family(family, num_envs, **options)
        self._film = film_for(render_mode, self.simulator)
        stage = self._film or self.simulator
        self._start, self._advance = stage.begin, stage.step
        self.metadata = {
            "render_modes": list(RENDER_MODES),
            "render_fps": RENDER_FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.num_envs, self.render_mode = num_envs, render_mode
        self.single_observation_space = self.simulator.task.observation_space
        self.single_action_space = self.simulator.task.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._seeds: NDArray[np.uint64] | None = None
        self._episodes = np.zeros(num_envs, np.int64)
        self._ended = np.ones(num_envs, np.bool_)
        self.before_restart: list[Callable[[NDArray[np.int64]], None]] = []
        """Called in mode SameStep with the lanes whose ended sessions are about to give way to new ones."""

    @property
    def task(self) -> TaskSpec:
        """What agents may see of this environment."""
        task = self.simulator.task
        return replace(task, env_id=self.spec.id) if self.spec and not task.env_id else task

    @property
    def episode_seeds(self) -> NDArray[np.uint64]:
        """The seeds of the lanes' sessions, uint64 (B,); wrappers key their own draws by them."""
        if self._seeds is None:
            raise EpisodeError("there are no sessions yet; call reset() first")
        return episode_seeds(self._seeds, self._episodes)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start sessions in all lanes, or in those of `options["reset_mask"]`."""
        mask = self._reset_mask(options)
        chosen = np.flatnonzero(mask)
        if seed is not None or self._seeds is None:
            one = seed is None or isinstance(seed, int | np.integer)
            fresh = lane_seeds(seed, self.num_envs) if one else checked_seeds(seed, self.num_envs)  # type: ignore[arg-type]
            super().reset(seed=int(fresh[0]) if seed is not None else None)
            self._seeds = fresh if self._seeds is None else np.where(mask, fresh, self._seeds)
            self._episodes[chosen] = 0
        else:
            self._episodes[chosen] += 1
        self._begin(chosen)
        return self.simulator.observe(), self.simulator.infos()

    def _reset_mask(self, options: dict[str, Any] | None) -> NDArray[np.bool_]:
        if unknown := sorted(set(options or {}) - {"reset_mask"}):
            raise ConfigurationError(f"reset knows no option {unknown[0]!r}; it knows 'reset_mask'")
        if not options:
            return np.ones(self.num_envs, np.bool_)
        mask = np.asarray(options["reset_mask"])
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise ConfigurationError(f"reset_mask must be {self.num_envs} booleans, at least one of them True")
        if self._seeds is None and not mask.all():
            raise EpisodeError("the first reset starts every lane; call reset() without reset_mask")
        return mask

    def _begin(self, lanes: NDArray[np.int64]) -> None:
        assert self._seeds is not None
        self._start(lanes, episode_seeds(self._seeds[lanes], self._episodes[lanes]))
        self._ended[lanes] = False

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Show an item or a slate a lane; `actions` are integers (B,) or (B, k)."""
        if self._seeds is None:
            raise EpisodeError("step was called before reset; call reset() first")
        before = np.flatnonzero(self._ended)
        if len(before) and self.autoreset_mode is AutoresetMode.DISABLED:
            raise EpisodeError(
                f"lanes {before[:5].tolist()} have ended; start them with reset(options={{'reset_mask': ...}})"
            )
        rewards, terminated, truncated = self._advance(actions)
        if len(before):  # NEXT_STEP: this step of the ended lanes is their reset
            self._restart(before)
            terminated[before] = truncated[before] = False
        self._ended = terminated | truncated
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            final = {"final_obs": self.simulator.observe(), "final_info": self.simulator.infos()}
            final |= {f"_{key}": self._ended.copy() for key in final}
            lanes = np.flatnonzero(self._ended)
            for listener in self.before_restart:
                listener(lanes)
            self._restart(lanes)
        return self.simulator.observe(), rewards, terminated, truncated, self.simulator.infos() | final

    def _restart(self, lanes: NDArray[np.int64]) -> None:
        self._episodes[lanes] += 1
        self._begin(lanes)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now: bool (B, n), or (B, k * n) for slates."""
        return flat_masks(self.simulator.infos().get("action_mask"), self.single_action_space, self.num_envs)

    def render(self) -> tuple[str, ...] | tuple[NDArray[np.uint8], ...] | None:
        """Each lane as text in render mode "ansi", as a picture, uint8 (H, W, 3), in "rgb_array"."""
        if self._film is not None:
            title = self.task.env_id
            return tuple(self._film.picture(lane, title) for lane in range(self.num_envs))
        if self.render_mode == "ansi":
            return tuple(self.simulator.render_ansi(lane) for lane in range(self.num_envs))
        return None
