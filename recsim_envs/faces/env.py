"""`SimulatorEnv`: a simulator with one lane behind `gymnasium.Env`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError, EpisodeError, InvalidActionError
from recsim_envs.faces.masks import flat_masks
from recsim_envs.faces.seeding import checked_seed, episode_seeds
from recsim_envs.families import make_family
from recsim_envs.families.base import Simulator
from recsim_envs.rendering.film import Film
from recsim_envs.spec import TaskSpec

RENDER_MODES: Final = ("ansi", "rgb_array")
RENDER_FPS: Final = 2  # of films: a step of a user's life is read, not watched
_LANE = np.zeros(1, np.int64)


class SimulatorEnv(gymnasium.Env[dict[str, NDArray[Any]], Any]):
    """One user at a time.

    `reset(seed=s)` starts episode 0 of seed s, each further `reset()` the next one; the same s gives the same
    episodes as the lane of a vector environment with that seed. Other arguments are the family's options.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}

    def __init__(self, *, family: str, render_mode: str | None = None, **options: Any) -> None:
        self.simulator = make_family(family, 1, **options)
        self._film = film_for(render_mode, self.simulator)
        stage = self._film or self.simulator
        self._start, self._advance = stage.begin, stage.step
        self.observation_space = self.simulator.task.observation_space  # type: ignore[assignment]
        self.action_space = self.simulator.task.action_space
        self.render_mode = render_mode
        self._seed: NDArray[np.uint64] | None = None
        self._episode = np.zeros(1, np.int64)
        self._action = np.zeros((1, *self.action_space.shape), np.int64)  # type: ignore[misc]
        self._over = True

    @property
    def task(self) -> TaskSpec:
        """What agents may see of this environment."""
        task = self.simulator.task
        return replace(task, env_id=self.spec.id) if self.spec and not task.env_id else task

    @property
    def episode_seeds(self) -> NDArray[np.uint64]:
        """The seed of the session, uint64 (1,); wrappers key their own draws by it."""
        if self._seed is None:
            raise EpisodeError("there is no session yet; call reset() first")
        return episode_seeds(self._seed, self._episode)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Start the next session; no option exists."""
        if options:
            raise ConfigurationError(f"reset knows no option {next(iter(options))!r}")
        super().reset(seed=None if seed is None else checked_seed(seed))
        if seed is not None or self._seed is None:
            self._seed = np.array([secrets.randbits(63) if seed is None else seed], np.uint64)
            self._episode[0] = 0
        else:
            self._episode += 1
        self._start(_LANE, self.episode_seeds)
        self._over = False
        return self.simulator.observe_lane(0), self._info()

    def step(self, action: Any) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Show an item or a slate. Raises `EpisodeError` outside a session, `InvalidActionError` for a wrong one."""
        if self._over:
            raise EpisodeError("step was called outside a session; call reset() first")
        if type(action) is not int:
            action = _as_integers(action, self._action.shape[1:])
        try:
            self._action[0] = action
        except OverflowError:
            raise InvalidActionError(f"action {action} is out of range") from None
        rewards, terminated, truncated = self._advance(self._action)
        left, capped = terminated.item(), truncated.item()
        self._over = left or capped
        return self.simulator.observe_lane(0), rewards.item(), left, capped, self._info()

    def action_masks(self) -> NDArray[np.bool_]:
        """Allowed actions, as sb3-contrib's MaskablePPO asks for them: bool (n,), or (k * n,) for slates."""
        return flat_masks(self.simulator.infos().get("action_mask"), self.action_space, 1)[0]

    def render(self) -> str | NDArray[np.uint8] | None:  # type: ignore[override]
        """The session as text in render mode "ansi", as a picture, uint8 (H, W, 3), in "rgb_array"."""
        if self._film is not None:
            return self._film.picture(0, self.task.env_id)
        return self.simulator.render_ansi(0) if self.render_mode == "ansi" else None

    def _info(self) -> dict[str, Any]:
        infos = self.simulator.infos()
        return {key: batch[0] for key, batch in infos.items()} if infos else {}


def film_for(render_mode: str | None, simulator: Simulator) -> Film | None:
    """What records sessions in render mode "rgb_array"; raises `ConfigurationError` for a mode that does not exist."""
    if render_mode not in (None, *RENDER_MODES):
        modes = ", ".join(map(repr, RENDER_MODES))
        raise ConfigurationError(f"render_mode {render_mode!r} does not exist; use {modes} or None")
    return Film(simulator) if render_mode == "rgb_array" else None


def _as_integers(action: Any, shape: tuple[int, ...]) -> Any:
    array = np.asarray(action)
    if array.dtype.kind in "iu" and (array.shape == shape or (not shape and array.shape == (1,))):
        return array if shape else int(array.reshape(()))
    wanted = f"a slate of {shape[0]} integers" if shape else "one integer (an item id)"
    raise InvalidActionError(f"action must be {wanted}, got {action!r}")
