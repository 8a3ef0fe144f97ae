"""Training of the linear bandits, with a checkpoint from which it goes on to the same bits.

There is no generator state: draws follow from the seed and the number of decisions. What remains are sums, what is
remembered of the sessions, and where the environments stand, which the door knows.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from baselines.bandits.contexts import Contexts
from baselines.files import check_identity, read_json
from baselines.selection import allowed_items, best_slates
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.files import write_json
from recsim_envs.spec import Batch, Sessions, TrainingEnvs

if TYPE_CHECKING:
    from baselines.bandits.linear import LinearBandit

CHECKPOINT: Final = "checkpoint.json"
SECONDS: Final = 30.0  # between two checkpoints


class Training:
    """Sessions of train users side by side, explored by an agent. Raises `AgentError` for a checkpoint of another."""

    def __init__(self, agent: LinearBandit, envs: TrainingEnvs, contexts: Contexts, seed: int) -> None:
        self._agent, self._envs, self._contexts, self._slate = agent, envs, contexts, envs.task.slate_size
        self._identity = _identity(agent, envs, seed)
        self.sessions = self.decisions = 0
        saved = None if envs.folder is None else _read(envs.folder / CHECKPOINT, self._identity)
        if saved is None:
            self._vector = envs.make(agent.num_envs)
            self._observations, self._infos = self._vector.reset(seed=agent._seed)
        else:
            ((self._vector, self._observations, self._infos),) = envs.restore(int(saved["mark"]))
        self._lanes = np.arange(self._vector.num_envs)
        self._steps = np.zeros(len(self._lanes), np.int64)
        self._keys = rng.bits_array(agent._seed, self._lanes, rng.AGENT)
        if saved is not None:
            self.sessions, self.decisions = saved["counts"]
            for array, kept in zip(self._memory(), saved["memory"], strict=True):
                array[...] = np.array(kept, array.dtype).reshape(array.shape)
        self._written = time.monotonic()

    def _memory(self) -> list[NDArray[Any]]:
        return [self._steps, *self._contexts.memory(), *self._agent._memory()]

    def step(self) -> None:
        """Show something in every lane, and let the agent learn from what follows."""
        agent, contexts = self._agent, self._contexts
        sessions = Sessions(self._lanes, self._keys, self._steps.copy())
        view = contexts.read(self._observations, sessions)
        scores = agent._explore(view, sessions, self.decisions)
        slates = best_slates(scores, self._slate or 1, allowed_items(self._infos))
        contexts.add(sessions, slates)
        actions = slates[:, 0] if self._slate is None else slates
        self._observations, rewards, terminated, truncated, self._infos = self._vector.step(actions)
        over = np.asarray(terminated | truncated)
        targets, known = contexts.targets(slates, np.asarray(rewards, np.float64), self._after(over))
        agent._learn(sessions, view.of(slates), targets, known)
        self._steps[:] = np.where(over, 0, self._steps + 1)
        self.sessions += int(over.sum())
        self.decisions += 1
        if time.monotonic() - self._written >= SECONDS:
            self.write()

    def _after(self, over: NDArray[np.bool_]) -> Batch:
        """What the users who were shown something observe of it, also those whose session is over."""
        if not over.any():
            return self._observations
        last, out = self._infos["final_obs"], {}
        for key, batch in self._observations.items():
            out[key] = np.array(batch)
            out[key][over] = last[key][over]
        return out

    def write(self) -> None:
        """Write a checkpoint, if any are kept."""
        if self._envs.folder is not None:
            facts = {"identity": self._identity, "mark": self._envs.mark(), "counts": [self.sessions, self.decisions]}
            write_json(self._envs.folder / CHECKPOINT, facts | {"memory": [a.ravel().tolist() for a in self._memory()]})
        self._written = time.monotonic()

    def close(self) -> None:
        """Close the environments."""
        self._vector.close()


def _identity(agent: LinearBandit, envs: TrainingEnvs, seed: int) -> dict[str, Any]:
    """What a checkpoint must agree with to be gone on from."""
    return {
        "agent": agent.name,
        "environment": envs.task.env_id,
        "items": envs.task.catalogue.num_items,
        "seed": seed,
        "budget": [envs.budget.episodes, envs.budget.steps],
        "versions": [version("numpy"), version("longrec")],
        **{name: value for name, value in vars(agent).items() if not name.startswith("_")},
    }


def _read(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        saved = read_json(path, "identity", "mark", "counts", "memory")
    except AgentError as error:
        raise AgentError(f"checkpoint {path} is damaged ({error}); delete the folder to start anew") from error
    check_identity(path, saved["identity"], identity)
    return saved
