"""`Simulator`: a family's dynamics over B concurrent sessions. Faces, replay and evaluation are thin layers on it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.spec import TaskSpec

ALL: Final = slice(None)  # all lanes

Reference = Callable[[], NDArray[Any]]
"""A policy that may read everything. Called once before each step, it returns an action for every lane."""


class Step(NamedTuple):
    """What one step of B sessions returned: float64, bool and bool arrays of length B."""

    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Shown(NamedTuple):
    """One item of an action, for pictures: its title and a small number that chooses its colour."""

    title: str
    group: int


class Simulator(ABC):
    """B sessions advanced by one kernel.

    A lane is a slot for a session. `begin` starts sessions in some lanes, `step` advances every lane that is
    not over. An over lane (ended, or never begun) is left alone by `step`: its action is ignored, its reward
    is 0 and both its flags stay what they were. All arrays returned are fresh: the caller may keep them.

    Constructors take `num_lanes` and keyword-only options; two of them are common to all: `split`
    ("train", "test" or "all": which users visit) and `env_id` (for `task`). A simulator can be pickled and copied.
    """

    task: TaskSpec
    num_lanes: int
    leaving_earns: bool = True
    """Whether the step at which a user leaves earned its reward, and so counts as kept."""
    shared: frozenset[str] = frozenset()
    """Names of the arrays in `hidden` that are the same for all lanes, such as the items' vectors."""

    @abstractmethod
    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`."""

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Step:
        """Advance by one action a lane: integers (B,), or (B, k) where slates of k are shown.

        Raises `InvalidActionError` before anything has moved.
        """

    @abstractmethod
    def observe(self) -> dict[str, NDArray[Any]]:
        """Observations of all lanes: one array (B, ...) for each key of the observation space."""

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The observation of one lane, as `gymnasium.Env` wants it. A family may give a faster one."""
        return {key: batch[lane] for key, batch in self.observe().items()}

    def infos(self) -> dict[str, NDArray[Any]]:
        """Public side information of all lanes, for example `action_mask` int8 (B, n)."""
        return {}

    @property
    @abstractmethod
    def over(self) -> NDArray[np.bool_]:
        """Which lanes hold no running session (B,)."""

    @abstractmethod
    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why the sessions of these lanes ended: str each, "" while one runs. For records and pages, not for agents."""

    @abstractmethod
    def hidden(self) -> dict[str, Any]:
        """Hidden state for analysis: arrays with one row a lane, arrays that all share, see `shared`, and constants."""

    @abstractmethod
    def render_ansi(self, lane: int) -> str:
        """One lane as text, for `render_mode="ansi"`."""

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,); evaluation clusters its statistics by it.

        Where every session draws a user of its own, the id is the episode seed shifted right by one.
        """
        return np.full(self.num_lanes, -1, np.int64)

    def constants(self) -> Mapping[str, int | float | str | bool]:
        """The constants of the dynamics as they are set here, for pages and tables."""
        return {}

    def provenance(self) -> tuple[str, str]:
        """Name and SHA-256 of the data behind the dynamics: a world, embeddings, weights. Default: there are none."""
        return "none", hashlib.sha256(b"").hexdigest()

    def references(self) -> dict[str, Callable[[], Reference]]:
        """Policies that know the true model, by name, each with a function that makes one for this simulator.

        Every family has "myopic", which maximises the expected reward of the next step, and "planner", which plans
        for the whole session; where items persist also "myopic-no-repeat". The horizon gap is measured between them.
        """
        return {}

    def bound(self) -> NDArray[np.float64] | None:
        """What no policy can exceed in expectation in the sessions that have just begun (B,); None: none is known."""
        return None

    def cycle_pool(self) -> NDArray[np.int64]:
        """Actions worth trying in a fixed cycle shown to everybody: (p,) or (p, k). Empty where none can recur."""
        return np.zeros(0, np.int64)

    def fatigue(self) -> NDArray[np.float64]:
        """How near each user is to leaving: 0 fresh, 1 gone (B,). Hidden; for pictures and privileged analysis."""
        return self.over.astype(np.float64)

    def shown(self, lane: int, action: NDArray[Any]) -> list[Shown]:
        """What `action` would show in a lane now, item by item; for pictures. Ask before the step."""
        catalogue = self.task.catalogue
        return [Shown(catalogue.titles[item], int(catalogue.categories(item)[0])) for item in np.ravel(action).tolist()]

    def group_names(self) -> tuple[str, ...]:
        """Names of the groups that `shown` gives items; those beyond are called by their number."""
        return () if self.task.candidates else tuple(self.task.catalogue.category_names)  # slots have no categories

    def privileged(self) -> dict[str, Any]:
        """What `info["privileged"]` holds: the hidden state and the makers of the reference policies."""
        return self.hidden() | {"references": self.references()}
