"""`World`: users, items and what they think of each other, as data. Dynamics live elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from recsim_envs import rng
from recsim_envs.errors import WorldError
from recsim_envs.spec import Catalogue
from recsim_envs.worlds.layout import COMMON, check_finite, check_layout, check_range, check_references
from recsim_envs.worlds.storage import (
    Arrays,
    StringColumn,
    atomic_folder,
    check_target,
    content_hash,
    manifest,
    read_array,
)

if TYPE_CHECKING:
    from recsim_envs.worlds.rewards import RewardModel

MAX_WINDOW: Final = 64  # what a world or an option from outside may make us allocate
MAX_HORIZON: Final = 100_000
HELD_OUT: Final = 0.25  # share of the train users in the split "held-out"


class DepartureDefaults(BaseModel):
    """Constants of the `departure` family that suit this world; every one can be overridden in `gym.make`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(4, ge=1, le=MAX_WINDOW, description="how many shown items the user remembers (W)")
    threshold: float = Field(
        ge=0, allow_inf_nan=False, description="Euclidean distance under which an item is too alike (theta)"
    )
    r_min: float = Field(allow_inf_nan=False, description="a reward below this makes the user leave")
    horizon: int = Field(ge=1, le=MAX_HORIZON, description="step cap of a session")
    leave_by: Literal["distance", "category"] = Field(default="distance", description="which rule of likeness holds")
    category_limit: int = Field(
        default=1,
        ge=0,
        le=1000,
        description="how often a category of a new item may be in the window; of the category rule",
    )
    leaving_pays: bool = Field(default=False, description="whether the step at which the user leaves earns its reward")

    @model_serializer(mode="wrap")
    def _without_later_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Fields that came after the first worlds are left out at their defaults: hashes stay what they were."""
        later = {"leave_by": "distance", "category_limit": 1, "leaving_pays": False}
        return {name: value for name, value in dump(self).items() if name not in later or value != later[name]}


class WorldInfo(BaseModel):
    """`world.json`, apart from the manifest of arrays and the hash, which `save` adds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    domain: str = Field(min_length=1, max_length=40, description='what is recommended: "games", "books", "movies"')
    description: str = ""
    source: str = Field(description="where the data come from, or the recipe that generated them")
    licence: str
    reward_model: Literal["table", "factors", "deepfm", "gru"]
    reward_range: tuple[float, float]
    category_names: tuple[str, ...]
    departure: DepartureDefaults
    recipe: dict[str, Any] = Field(default_factory=dict, description="parameters that reproduce the world")
    card: dict[str, Any] = Field(default_factory=dict, description="the simulator card: how well the world fits")


_PUBLIC = ("title_bytes", "title_offsets", "category_indptr", "category_ids", "popularity", "mean_reward")


@dataclass(frozen=True, eq=False)
class World:
    """Users, catalogue and reward model of one domain.

    arrays:
        those of the reward model: rewards, int8 or float32 (users, items), of "table"; for "factors", "deepfm" and
            "gru" see `recsim_envs.worlds.rewards`.
        vectors: float32 (items, d); Euclidean distance between them is how different two items feel.
        title_bytes, title_offsets, category_indptr, category_ids, popularity, mean_reward: the `Catalogue`.
        train_users, test_users: int32, disjoint, sorted.
        log_indptr (users+1), log_items, log_rewards: what each user did before, oldest first, sorted by user.
    """

    info: WorldInfo
    arrays: Arrays
    path: Path | None = field(default=None)

    def __deepcopy__(self, memo: Any) -> World:
        return self  # nothing in it changes

    def __reduce__(self) -> Any:
        return (_reopen, (self.path, self.hash)) if self.path else (World, (self.info, self.arrays))

    @property
    def num_users(self) -> int:
        """Number of users, train and test together."""
        return len(self.arrays["log_indptr"]) - 1

    @property
    def num_items(self) -> int:
        """Number of items in the catalogue."""
        return len(self.arrays["popularity"])

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that dynamics can depend on: arrays, names, reward model and departure defaults."""
        return self._hash(manifest(self.arrays))

    def _hash(self, arrays: dict[str, Any]) -> str:
        facts = self.info.model_dump(mode="json", exclude={"card", "description", "source", "licence", "recipe"})
        return content_hash(facts, arrays)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The public part: titles, categories, popularity and mean reward.

        Its arrays are no memory maps: those would tell an agent the folder in which the rewards lie.
        """
        a = {name: np.asarray(memoryview(self.arrays[name])) for name in _PUBLIC}  # type: ignore[arg-type]
        return Catalogue(
            titles=StringColumn(a["title_bytes"], a["title_offsets"]),
            category_names=self.info.category_names,
            category_indptr=a["category_indptr"],
            category_ids=a["category_ids"],
            popularity=a["popularity"],
            mean_reward=a["mean_reward"],
        )

    def users(self, split: str) -> NDArray[np.int32]:
        """User ids of a split: "train", "test" or "all"; or "fit" and "held-out", which divide the train users."""
        if split == "all":
            return np.arange(self.num_users, dtype=np.int32)
        if split in ("fit", "held-out"):
            return self._part_of_train(split)
        if split not in ("train", "test"):
            raise WorldError(f"split {split!r} does not exist; use 'train', 'test' or 'all'")
        return self.arrays[f"{split}_users"]

    def _part_of_train(self, split: str) -> NDArray[np.int32]:
        train = self.arrays["train_users"]
        if len(train) < 2:
            raise WorldError(f"split {split!r} is a part of the train users, and there is only {len(train)}")
        drawn = np.argsort(rng.bits_array(rng.derive_seed("held-out users"), train, rng.SPLIT), kind="stable")
        held_out = max(1, round(HELD_OUT * len(train)))
        return np.sort(train[drawn[:held_out] if split == "held-out" else drawn[held_out:]])

    @cached_property
    def rewards(self) -> RewardModel:
        """The reward model, bound to the arrays of this world."""
        from recsim_envs.worlds.rewards import REWARD_MODELS

        return REWARD_MODELS[self.info.reward_model](self.arrays, self.info.reward_range)

    def user_rewards(self, users: NDArray[Any], memory: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """True rewards of whole catalogues, float32 (len(users), items), summed in the kernels' fixed order.

        `memory`, float32 (len(users), width), is what the users of a sequential model remember of their session; by
        default what they do when it begins. Raises `WorldError` for an unknown user or a memory of another shape.
        """
        ids = np.asarray(users, np.int64)
        if len(ids) and not (ids.min() >= 0 and ids.max() < self.num_users):  # compiled code does not check
            raise WorldError(f"users {ids.min()} to {ids.max()} were asked for; ids are 0..{self.num_users - 1}")
        memory = self.rewards.fresh(ids) if memory is None else memory
        if memory.shape != (len(ids), self.rewards.width):
            raise WorldError(
                f"memory has shape {memory.shape}, not {(len(ids), self.rewards.width)}; pass one row a user"
            )
        return self.rewards.catalogue(ids, np.ascontiguousarray(memory, np.float32))

    def with_card(self, card: dict[str, Any]) -> World:
        """The same world (same hash) with another simulator card."""
        return replace(self, info=self.info.model_copy(update={"card": card}))

    def save(self, path: str | Path, *, overwrite: bool = True) -> World:
        """Write the folder atomically and return the saved world.

        Replaces a world, but no other folder; without `overwrite` a world that is already there stays. Raises
        `WorldError` if this world is invalid or the folder cannot be written.
        """
        path = Path(path)
        self.validate()
        check_target(path)
        with atomic_folder(path, overwrite=overwrite) as scratch:
            for name, array in self.arrays.items():
                np.save(scratch / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            listed = manifest(self.arrays)
            record = self.info.model_dump(mode="json") | {"arrays": listed, "hash": self._hash(listed)}
            (scratch / "world.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return World.load(path, verify=False)

    @classmethod
    def load(cls, path: str | Path, *, verify: bool = True) -> World:
        """Memory-map a world folder.

        `verify` hashes every array against `world.json`; presence, dtypes, shapes and consistency are always
        checked. Raises `WorldError` naming the file, the field and the fix.
        """
        path = Path(path)
        file = path / "world.json"
        try:
            record = json.loads(file.read_text("utf-8"))
            listed, promised = record.pop("arrays"), record.pop("hash")
            info = WorldInfo.model_validate(record)
            arrays = {n: read_array(path / f"{_plain(n)}.npy", e, verify=verify) for n, e in listed.items()}
            world = cls(info, arrays, path)
            found = world._hash(listed)
        except FileNotFoundError:
            raise WorldError(f"{file} is missing: {path} is no world; build one with `longrec world build`") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise WorldError(f"{file}: field {where}: {first['msg']}; rebuild the world") from None
        except RecursionError:
            raise WorldError(f"{file}: nested too deeply to be a world; copy the folder again") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise WorldError(f"{file}: incomplete or malformed ({error}); rebuild the world") from None
        except (ValueError, OSError) as error:
            raise WorldError(f"{file}: cannot be read as JSON ({error}); copy the folder again") from None
        world.validate()
        if found != promised:
            raise WorldError(f"{file}: its fields do not match its hash; copy the folder again or rebuild it")
        world.__dict__["hash"] = promised
        return world

    def validate(self) -> None:
        """Check names, dtypes, shapes and references between arrays; raises `WorldError` at the first fault."""
        from recsim_envs.worlds.rewards import REWARD_MODELS

        a, where, model = self.arrays, self.path or self.info.name, REWARD_MODELS[self.info.reward_model]
        check_layout(a, {**COMMON, **model.LAYOUT}, model.OPTIONAL, where)
        check_references(a, len(self.info.category_names), where)
        check_finite(a, {"vectors", "mean_reward"}, where)
        model.check(a, where)
        check_range(a, {"rewards", "log_rewards"} & set(a), *self.info.reward_range, where)


def _reopen(path: Path, promised: str) -> World:
    """The other side of pickling: a saved world travels as its folder."""
    from recsim_envs.worlds import resolve

    world = resolve(path)
    if world.hash != promised:
        raise WorldError(f"{path}: the world has changed since it was pickled; make the environment again")
    return world


def _plain(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ValueError(f"array name {name!r}")
    return name
