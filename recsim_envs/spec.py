"""What agents may see, and the protocol they speak.

An agent meets a task through four things only: `TaskSpec` (spaces and the public catalogue), batches of
observations, batches of infos, and `Sessions` (which session each row of a batch belongs to). It never holds
the environment, the world or hidden user state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recsim_envs.offline import Transitions

Batch = Mapping[str, NDArray[Any]]
"""Arrays whose first axis is the row of the batch: observations or infos of b sessions."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is public about the items: names, categories and what the training users' log says of them.

    `category_indptr` (int64, n_items + 1) and `category_ids` (int32) are a compressed sparse row matrix: item
    i has the categories `category_ids[category_indptr[i]:category_indptr[i + 1]]`, always at least one.
    `popularity` (int64, n_items) counts the training users' logged interactions; `mean_reward` (float32,
    n_items) is their mean logged reward, shrunk towards the overall mean by ten pseudo-observations.
    """

    titles: Sequence[str]
    category_names: Sequence[str]
    category_indptr: NDArray[np.int64]
    category_ids: NDArray[np.int32]
    popularity: NDArray[np.int64]
    mean_reward: NDArray[np.float32]

    @property
    def num_items(self) -> int:
        """Number of items; actions of a single-item environment are 0..num_items-1."""
        return len(self.popularity)

    @classmethod
    def of_slots(cls, count: int, word: str = "candidate") -> Catalogue:
        """The catalogue of an environment whose items are drawn anew: what actions mean is only in observations.

        An action is the number of a slot; slots have no categories, no popularity and no mean reward.
        """
        return cls(
            titles=tuple(f"{word} {n}" for n in range(count)),
            category_names=(word,),
            category_indptr=np.arange(count + 1),
            category_ids=np.zeros(count, np.int32),
            popularity=np.zeros(count, np.int64),
            mean_reward=np.zeros(count, np.float32),
        )

    def categories(self, item: int) -> NDArray[np.int32]:
        """Ids of the categories of one item, in the catalogue's order (the main category first)."""
        return self.category_ids[self.category_indptr[item] : self.category_indptr[item + 1]]

    def category_matrix(self) -> NDArray[np.float32]:
        """Dense float32 (n_items, n_categories) membership matrix of zeros and ones."""
        dense = np.zeros((self.num_items, len(self.category_names)), np.float32)
        rows = np.repeat(np.arange(self.num_items), np.diff(self.category_indptr))
        dense[rows, self.category_ids] = 1.0
        return dense

    def best_rated(self) -> NDArray[np.int64]:
        """All items, int64 (n_items,), the largest `mean_reward` first; of equals the more popular, then by id."""
        return np.lexsort((-self.popularity, -self.mean_reward.astype(np.float64)))


@dataclass(frozen=True, eq=False)
class TaskSpec:
    """A task as its agents see it: one environment id with its options, without its hidden parts.

    `observation_space` and `action_space` are those of a single session; the latter is `Discrete(n)` where one item
    is shown a step, `MultiDiscrete([n] * k)` where a slate of k is. `horizon` is the step cap; `reward_range` the
    smallest and largest reward of one step (infinite where it has no bound); `protocol` is FB, NX_0 or NX_k;
    `domain` names what is recommended ("games", "books", "movies", ...), for prompts and pages. With `candidates`,
    items are drawn anew for each step: `catalogue` then lists slots, and observations say what is in them.
    """

    env_id: str
    observation_space: spaces.Dict
    action_space: spaces.Space[Any]
    catalogue: Catalogue
    horizon: int
    protocol: str
    reward_range: tuple[float, float]
    domain: str
    candidates: bool = False

    @property
    def slate_size(self) -> int | None:
        """Items shown in one step; None where an action is a single item and no slate."""
        return len(self.action_space.nvec) if isinstance(self.action_space, spaces.MultiDiscrete) else None


@dataclass(frozen=True)
class Budget:
    """How much interaction a training run may use: sessions that end, and steps. None is no limit."""

    episodes: int | None = None
    steps: int | None = None


@dataclass(frozen=True, eq=False)
class Sessions:
    """Which sessions the rows of a batch belong to.

    lanes: int64 (b,), the slot of the agent's per-lane memory, 0..num_lanes-1; a lane is reused when its
        session has ended. keys: uint64 (b,), the agent's own randomness, one key an episode, unrelated to the
        environment's seeds; draw with `rng` from (key, step). steps: int64 (b,), 0 at a session's start.
    """

    lanes: NDArray[np.int64]
    keys: NDArray[np.uint64]
    steps: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Feedback:
    """What followed a batch of actions, row by row as in the `Sessions` that they were asked for."""

    actions: NDArray[Any]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    observations: Batch
    infos: Batch


class TrainingEnvs(Protocol):
    """The metered door to training users: makes vector environments and counts what they are used for.

    `folder` is where the agent may keep checkpoints and event files (atomic writes); None: it keeps nothing. A killed
    run that is given again finds the same folder, and must end with the bits of a run that was not interrupted.
    """

    task: TaskSpec
    budget: Budget
    folder: Path | None

    def make(self, num_envs: int) -> VectorEnv[Any, Any, Any]:
        """A vector environment on the train split with at most `num_envs` lanes, fewer where less is left.

        Its autoreset mode is SAME_STEP: `infos["final_obs"]` is a dict of batched arrays, valid where
        `infos["_final_obs"]`. `step` raises `BudgetExceededError` once the budget is spent, and so does `make`
        once open environments hold all that is left. An episode is charged when it ends or is abandoned.
        """

    def remaining(self) -> Budget:
        """What is left; 0 episodes or 0 steps left means that training is over."""

    def spent(self) -> bool:
        """Whether nothing is left of the budget."""

    def mark(self) -> int:
        """Keep in `folder` what was done in the environments so far; the number goes into the agent's checkpoint.

        Raises `AgentError` where there is no folder.
        """

    def restore(self, mark: int) -> list[tuple[VectorEnv[Any, Any, Any], Batch, dict[str, Any]]]:
        """Put a fresh door back to where it stood at `mark`: open environments, their last observations and infos.

        Budget and seeds stand where they stood. Raises `AgentError` if what was kept is missing or damaged.
        """


class TrainingLog(Protocol):
    """A log to learn from without interaction: what was observed, done and earned, never who the users were.

    `name` is the log's; `folder` is as in `TrainingEnvs`. Reading it again gives the same batches.
    """

    task: TaskSpec
    name: str
    num_sessions: int
    num_steps: int
    folder: Path | None

    def transitions(self, sessions: int = 1024) -> Iterator[Transitions]:
        """The steps in batches of so many whole sessions, in order; made while they are asked for.

        `propensities` are None where the log does not tell them: an agent that needs them raises `AgentError` naming
        the log. `masks` and `next_masks` are None where everything may be shown.
        """

    def progress(self, done: int, total: int) -> None:
        """Say that `done` of `total` updates are made, for a progress bar. Nothing depends on it being called."""


class Agent:
    """A batched policy. Subclass it, override `act`, and whatever else the agent needs.

    The constructor takes the agent's parameters as keyword arguments, each with a default and JSON-serialisable.
    The same seed, keys and observations must give the same actions, whatever the lane order or batch size.
    """

    privileged: ClassVar[bool] = False
    """True for analysis agents such as the oracle, which also get `infos["privileged"]`."""
    trains: ClassVar[bool] = False
    """True if `train` or `learn` must run before `act`."""
    learns_from_log: ClassVar[bool] = False
    """True if it learns from a log: `learn` is called instead of `train`, and it never interacts with train users."""

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Learn from at most `envs.budget`. Called before `reset`, and only if `trains`."""

    def learn(self, log: TrainingLog, seed: int) -> None:
        """Learn from `log`. Called before `reset`, and only if `trains` and `learns_from_log`."""

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Get ready to serve up to `num_lanes` concurrent sessions of `task`; forget earlier sessions."""

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[Any]:
        """One action a row: int64 (b,) where one item is shown, (b, k) where a slate of k is."""
        raise NotImplementedError

    def observe(self, sessions: Sessions, feedback: Feedback) -> None:
        """See what followed the last `act` (same rows)."""

    def explain(self, sessions: Sessions) -> Sequence[Mapping[str, Any]]:
        """What it thought at the last `act`, for some of its rows: one JSON object a row, or none at all.

        For people who watch a session afterwards (docs/records.md lists the keys that pages know). It must change
        nothing: an agent acts the same whether it was asked or not.
        """
        return ()

    def lessons(self) -> Sequence[Mapping[str, Any]]:
        """What it wrote at the end of training sessions, oldest first, as JSON objects; see `explain`."""
        return ()

    def use_cassette(self, path: Path, *, replay: bool) -> None:
        """Record what its language models answer into the file `path`; with `replay` answer from that file alone.

        Called before anything else. Several processes may record into one file. Agents that ask no language model
        leave it as it is.
        """

    def describe(self) -> Mapping[str, Any]:
        """JSON-serialisable facts for the board after a run: usage of language models, learning curve, notes."""
        return {}

    def save(self, path: Path) -> None:
        """Write what was learned into the folder `path` (JSON, safetensors, Parquet or text; never a pickle)."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
