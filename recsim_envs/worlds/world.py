"""`World`: users, items and what they think of each other, as data. Dynamics live elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

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

from recsim_envs.errors import WorldError
from recsim_envs.spec import Catalogue
from recsim_envs.worlds.storage import (
    Arrays,
    StringColumn,
    atomic_folder,
    check_target,
    content_hash,
    manifest,
    read_array,
)

MAX_WINDOW: Final = 64  # what a world or an option from outside may make us allocate
MAX_HORIZON: Final = 100_000


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
    reward_model: Literal["table", "factors"]
    reward_range: tuple[float, float]
    category_names: tuple[str, ...]
    departure: DepartureDefaults
    recipe: dict[str, Any] = Field(default_factory=dict, description="parameters that reproduce the world")
    card: dict[str, Any] = Field(default_factory=dict, description="the simulator card: how well the world fits")


_PUBLIC = ("title_bytes", "title_offsets", "category_indptr", "category_ids", "popularity", "mean_reward")
# name -> (dtype, axes); every world has these arrays, and those of its reward model.
COMMON: dict[str, tuple[str, tuple[str, ...]]] = {
    "vectors": ("<f4", ("items", "dim")),
    "title_bytes": ("|u1", ("*",)),
    "title_offsets": ("<i8", ("items+1",)),
    "category_indptr": ("<i8", ("items+1",)),
    "category_ids": ("<i4", ("*",)),
    "popularity": ("<i8", ("items",)),
    "mean_reward": ("<f4", ("items",)),
    "train_users": ("<i4", ("*",)),
    "test_users": ("<i4", ("*",)),
    "log_indptr": ("<i8", ("users+1",)),
    "log_items": ("<i4", ("*",)),
    "log_rewards": ("<f4", ("*",)),
}
TABLE: dict[str, tuple[str, tuple[str, ...]]] = {"rewards": ("", ("users", "items"))}
FACTORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "user_factors": ("<f4", ("users", "rank")),
    "item_factors": ("<f4", ("items", "rank")),
    "user_bias": ("<f4", ("users",)),
    "item_bias": ("<f4", ("items",)),
}


@dataclass(frozen=True, eq=False)
class World:
    """Users, catalogue and reward model of one domain.

    arrays:
        rewards: int8 or float32 (users, items), reward model "table"; or
        user_factors, item_factors (float32, rank r), user_bias, item_bias (float32), reward model "factors":
            reward = clip(user_bias + item_bias + sum_k user_factors[k] * item_factors[k], reward_range).
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
        """User ids of a split: "train", "test" or "all"."""
        if split == "all":
            return np.arange(self.num_users, dtype=np.int32)
        if split not in ("train", "test"):
            raise WorldError(f"split {split!r} does not exist; use 'train', 'test' or 'all'")
        return self.arrays[f"{split}_users"]

    def user_rewards(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """True rewards of whole catalogues, float32 (len(users), items), summed in the kernels' fixed order."""
        a = self.arrays
        if self.info.reward_model == "table":
            return a["rewards"][users].astype(np.float32)
        from recsim_envs.worlds.factors import factor_rewards

        low, high = self.info.reward_range
        return factor_rewards(
            a["user_factors"], a["item_factors"], a["user_bias"], a["item_bias"], np.asarray(users), low, high
        )

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
        a, where = self.arrays, self.path or self.info.name
        wanted = COMMON | (TABLE if self.info.reward_model == "table" else FACTORS)
        if set(a) != set(wanted):
            missing, extra = sorted(set(wanted) - set(a)), sorted(set(a) - set(wanted))
            raise WorldError(f"{where}: arrays missing {missing}, unknown {extra}; rebuild the world")
        sizes = {"users": len(a["log_indptr"]) - 1, "items": len(a["popularity"])}
        for name, (dtype, axes) in wanted.items():
            allowed = (dtype,) if dtype else ("|i1", "<f4")
            if a[name].dtype.str not in allowed:
                raise WorldError(f"{where}: array {name} is {a[name].dtype.str}, not {' or '.join(allowed)}")
            if a[name].ndim != len(axes):
                raise WorldError(f"{where}: array {name} has {a[name].ndim} axes, not {len(axes)}")
            for axis, length in zip(axes, a[name].shape, strict=True):
                base, plus, _ = axis.partition("+")
                expected = length if axis == "*" else sizes.setdefault(base, length) + bool(plus)
                if length != expected:
                    raise WorldError(f"{where}: array {name} has {length} {axis}, not {expected}")
        _check_references(a, sizes, len(self.info.category_names), where)
        low, high = self.info.reward_range
        if not -np.inf < low < high < np.inf:
            raise WorldError(f"{where}: reward_range {low:g} to {high:g} is not finite and rising; rebuild the world")
        for name in {"rewards", "log_rewards"} & set(a):
            # Written so that NaN fails too.
            if a[name].size and not (low <= a[name].min() and a[name].max() <= high):
                raise WorldError(f"{where}: {name} leaves the reward range {low:g} to {high:g}; rebuild the world")


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


def _check_references(a: Arrays, sizes: dict[str, int], num_categories: int, where: Any) -> None:
    def demand(ok: Any, text: str) -> None:
        if not ok:
            raise WorldError(f"{where}: {text}; rebuild the world")

    for indptr, spanned in (
        ("title_offsets", "title_bytes"),
        ("category_indptr", "category_ids"),
        ("log_indptr", "log_items"),
    ):
        pointer = a[indptr]
        demand(pointer[0] == 0 and pointer[-1] == len(a[spanned]), f"{indptr} does not span {spanned}")
        demand(np.all(pointer[1:] >= pointer[:-1]), f"{indptr} decreases")  # differences could overflow
    demand(StringColumn(a["title_bytes"], a["title_offsets"]).is_text(), "title_bytes holds titles that are no UTF-8")
    demand(len(a["log_rewards"]) == len(a["log_items"]), "log_rewards and log_items differ in length")
    demand(np.all(np.diff(a["category_indptr"]) > 0), "an item has no category")
    for name, limit in (
        ("category_ids", num_categories),
        ("log_items", sizes["items"]),
        ("train_users", sizes["users"]),
        ("test_users", sizes["users"]),
    ):
        values = a[name]
        demand(not len(values) or (values.min() >= 0 and values.max() < limit), f"{name} holds an unknown id")
    for split in ("train_users", "test_users"):
        demand(len(a[split]) and np.all(np.diff(a[split]) > 0), f"{split} is empty or not strictly increasing")
    demand(not len(np.intersect1d(a["train_users"], a["test_users"])), "train and test users overlap")
    for name in {"vectors", "mean_reward", *FACTORS} & set(a):
        demand(np.isfinite(a[name]).all(), f"{name} holds NaN or infinity")
