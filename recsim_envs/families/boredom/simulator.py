"""`BoredomSimulator`: users who tire of topics, over generated items."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from recsim_envs.families.actions import check_range, checked_split, drawn_users, integers, split_seeds
from recsim_envs.families.base import ALL, Reference, Simulator, Step
from recsim_envs.families.boredom import kernel, presets
from recsim_envs.families.boredom.items import catalogue, item_vectors
from recsim_envs.families.options import integer
from recsim_envs.spec import TaskSpec

_CAUSES: Final = np.array(["", "horizon", ""], object)


class BoredomSimulator(Simulator):
    """Users who tire of topics that they clicked too often, on single items or slates.

    Arguments beside `num_lanes`, `split` and `env_id` are the environment's options, see the family's page; None
    takes the constant of `layout`, `variant` and `reference`. Raises `ConfigurationError` for an option without
    meaning.
    """

    shared = frozenset({"item_vectors"})

    def __init__(
        self,
        num_lanes: int,
        *,
        layout: str = "single",
        variant: str = "bored",
        reference: bool = False,
        num_items: int | None = None,
        num_topics: int | None = None,
        slate_size: int | None = None,
        horizon: int | None = None,
        offset: float | None = None,
        slope: float | None = None,
        omega: float | None = None,
        influence: str | None = None,
        boredom: str | None = None,
        boredom_threshold: int | None = None,
        boredom_window: int | None = None,
        boredom_timeout: int | None = None,
        memory: int | None = None,
        click_propensity: float | None = None,
        position_decay: float | None = None,
        copies: str | None = None,
        item_seed: int = 0,
        split: str = "train",
        env_id: str = "",
    ) -> None:
        changes = {name: value for name, value in locals().items() if name in presets.Constants.__dataclass_fields__}
        self._constants = c = presets.checked(presets.preset(layout, variant, reference), changes)
        self._split, self.num_lanes = checked_split(split), integer("number of lanes", num_lanes, 1, 2**31 - 1)
        self._item_seed = integer("item_seed", item_seed, 0, 2**63 - 1)
        self.item_vectors = item_vectors(c.num_items, c.num_topics, self._item_seed)
        """Unit vectors of the items, float64 (num_items, num_topics). Not among what agents see."""
        self.item_topics = self.item_vectors.argmax(axis=1)
        """The main topic of each item, int64 (num_items,)."""
        self.rules = c.rules()
        self.lanes = kernel.State.empty(self.num_lanes, c.num_topics, c.slate_size, c.memory)
        """The state of all lanes; the reference policies read it."""
        self._episode_seeds = np.zeros(self.num_lanes, np.uint64)
        self._begun = np.zeros(self.num_lanes, np.bool_)
        self.task = self._task_spec(env_id)

    def _task_spec(self, env_id: str) -> TaskSpec:
        c = self._constants
        slots = (c.slate_size,)
        space: dict[str, spaces.Space[Any]] = {
            "slate": spaces.Box(0, c.num_items - 1, slots, np.int32),
            "clicks": spaces.Box(0, 1, slots, np.int32),
            "hist": spaces.Box(0.0, 1.0, (c.num_topics,), np.float32),
            "length": spaces.Box(0, c.horizon, (1,), np.int32),
        }
        single = c.slate_size == 1
        return TaskSpec(
            env_id=env_id,
            observation_space=spaces.Dict(space),
            action_space=spaces.Discrete(c.num_items) if single else spaces.MultiDiscrete([c.num_items] * c.slate_size),
            catalogue=catalogue(self.item_vectors, self.rules, self._item_seed),
            horizon=c.horizon,
            protocol="FB",
            reward_range=(0.0, float(c.slate_size)),
            domain="items",
        )

    def begin(self, lanes: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start a session with episode seed `seeds[i]` in lane `lanes[i]`; it starts with a slate of random items."""
        self._episode_seeds[lanes], self._begun[lanes] = seeds, True
        own = split_seeds(seeds, self._split)
        kernel.begin(lanes, own, self.item_vectors, self.item_topics, self.rules, self.lanes)

    def step(self, actions: NDArray[Any]) -> Step:
        """Show one item a lane, integers (B,), or a slate, (B, k); ids are 0..num_items-1."""
        last = self._constants.num_items - 1
        single = self.task.slate_size is None
        shape = (self.num_lanes,) if single else (self.num_lanes, self._constants.slate_size)
        actions = integers(actions, shape, f"item ids 0..{last}")
        rewards, truncated = np.zeros(self.num_lanes), np.zeros(self.num_lanes, np.bool_)
        slates = actions[:, None] if single else actions
        found = kernel.step(slates, self.item_vectors, self.item_topics, self.rules, self.lanes, rewards, truncated)
        if found != kernel.FINE:
            check_range(actions, ~self.over, last + 1, "item" if single else "slate")
        return Step(rewards, np.zeros(self.num_lanes, np.bool_), truncated)

    def observe(self) -> dict[str, NDArray[Any]]:
        """Fresh arrays (B, ...) under the keys of the observation space."""
        s = self.lanes
        steps = s.steps[:, None].copy()
        return {"clicks": s.clicks.copy(), "hist": s.recent.copy(), "length": steps, "slate": s.slate.copy()}

    def observe_lane(self, lane: int) -> dict[str, NDArray[Any]]:
        """The same of one lane, without its axis."""
        s = self.lanes
        steps = s.steps[lane : lane + 1].copy()
        return {
            "clicks": s.clicks[lane].copy(),
            "hist": s.recent[lane].copy(),
            "length": steps,
            "slate": s.slate[lane].copy(),
        }

    @property
    def over(self) -> NDArray[np.bool_]:
        """Lanes without a running session (B,)."""
        return self.lanes.cause != kernel.RUNNING

    def causes(self, lanes: NDArray[np.int64] | slice = ALL) -> NDArray[np.object_]:
        """Why each session ended: "horizon", for nobody leaves; "" while it runs."""
        return _CAUSES[self.lanes.cause[lanes]]

    def hidden(self) -> dict[str, Any]:
        """The users' vectors (B, T), for how many steps each topic still bores them (B, T), and the items' vectors."""
        state = self.lanes
        bored = {"user_vector": state.user.copy(), "bored_for": state.left.copy(), "bored": state.left.max(axis=1) > 0}
        return {"user": self.user_ids(), **bored, "item_vectors": self.item_vectors, **self.constants()}

    def user_ids(self) -> NDArray[np.int64]:
        """The user in each lane (B,): each session draws its own. -1 where none was begun."""
        return np.where(self._begun, drawn_users(self._episode_seeds), -1)

    def constants(self) -> dict[str, int | float | str | bool]:
        """The constants as they are set here."""
        return {**asdict(self._constants), "item_seed": self._item_seed}

    def provenance(self) -> tuple[str, str]:
        """The items' vectors: their recipe with its seed, and their hash."""
        c = self._constants
        digest = hashlib.sha256(np.round(self.item_vectors, 9).tobytes()).hexdigest()
        return f"boredom-items-{c.num_items}x{c.num_topics}-seed{self._item_seed}", digest

    def relevances(self) -> NDArray[np.float64]:
        """Chance of a click on each item now, in a slot that is surely looked at: float64 (B, num_items). Hidden."""
        out = np.empty((self.num_lanes, self._constants.num_items))
        kernel.relevances(self.item_vectors, self.rules, self.lanes, out)
        return out

    def references(self) -> dict[str, Callable[[], Reference]]:
        """The policies "myopic", "myopic-no-repeat", "rule-varied" and "planner", see `references.py`."""
        from recsim_envs.families.boredom import references

        return references.makers(self)

    def bound(self) -> NDArray[np.float64] | None:
        """Clicks at most (B,): those of users who are never bored and, with influence, who come to love what they see.

        Without boredom and influence it is what "myopic" earns in expectation; where slates bore, it is loose.
        """
        c = self._constants
        likings = self.lanes.user @ self.item_vectors.T if c.influence == "none" else np.ones((self.num_lanes, 1))
        chances = -np.sort(-1.0 / (1.0 + np.exp(-c.slope * (likings - c.offset))), axis=1)
        once = c.influence == "none" and c.copies == "ignored"
        shown = chances[:, : c.slate_size] if once else np.repeat(chances[:, :1], c.slate_size, axis=1)
        return c.horizon * (shown * self.rules.position).sum(axis=1)

    def cycle_pool(self) -> NDArray[np.int64]:
        """Items or slates of the best-liked items: overall, of each topic, and of all topics in turn."""
        from recsim_envs.families.boredom import references

        return references.cycle_pool(self.task)

    def fatigue(self) -> NDArray[np.float64]:
        """1 for a bored user, else the share of the boredom threshold that the most clicked topic has reached (B,)."""
        state = self.lanes
        return np.where(state.left.max(axis=1) > 0, 1.0, state.recent.max(axis=1).astype(np.float64))

    def render_ansi(self, lane: int) -> str:
        """The last slate with its clicks, and how near to boredom each topic is."""
        state, names = self.lanes, self.task.catalogue.category_names
        ended = _CAUSES[state.cause[lane]]
        head = f"{self.task.env_id or 'boredom'}  step {state.steps[lane]} of {self._constants.horizon}, "
        lines = [
            f"  {'click' if click else '  -  '}  Item {item}  [{names[self.item_topics[item]]}]"
            for item, click in zip(state.slate[lane].tolist(), state.clicks[lane].tolist(), strict=True)
        ]
        tired = [
            f"  {name}: {share:.0%}" + (f", boring for {left} more steps" if left else "")
            for name, share, left in zip(names, state.recent[lane].tolist(), state.left[lane].tolist(), strict=True)
            if share or left
        ]
        return "\n".join([head + (f"ended: {ended}" if ended else "running"), "Slate:", *lines, "Topics:", *tired])
