"""What arrays a world holds, and whether they fit together. Every check reads in pieces: ten million items fit too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import WorldError
from recsim_envs.worlds.storage import Arrays, StringColumn

_PIECE: Final = 1 << 22  # numbers that a check looks at together


class ArraySpec(NamedTuple):
    """Dtypes that an array may have, and what its axes count.

    Axes of the same name have the same length in all arrays of a world; "users+1" is one more, "3" is a length, and
    "*" may be any.
    """

    dtypes: tuple[str, ...]
    axes: tuple[str, ...]


Layout = Mapping[str, ArraySpec]


def floats(*axes: str) -> ArraySpec:
    """The spec of a float32 array."""
    return ArraySpec(("<f4",), axes)


COMMON: Final[Layout] = {
    "vectors": floats("items", "dim"),
    "title_bytes": ArraySpec(("|u1",), ("*",)),
    "title_offsets": ArraySpec(("<i8",), ("items+1",)),
    "category_indptr": ArraySpec(("<i8",), ("items+1",)),
    "category_ids": ArraySpec(("<i4",), ("*",)),
    "popularity": ArraySpec(("<i8",), ("items",)),
    "mean_reward": floats("items"),
    "train_users": ArraySpec(("<i4",), ("*",)),
    "test_users": ArraySpec(("<i4",), ("*",)),
    "log_indptr": ArraySpec(("<i8",), ("users+1",)),
    "log_items": ArraySpec(("<i4",), ("*",)),
    "log_rewards": floats("*"),
}
"""What every world holds, beside the arrays of its reward model (`recsim_envs.worlds.rewards`)."""

_COUNTING: Final = ("log_indptr", "popularity")  # tell how many users and items there are; all others must agree


def check_layout(a: Arrays, wanted: Layout, optional: Layout, where: Path | str) -> None:
    """Raise `WorldError` unless `a` holds what is wanted, and nothing else, in the right dtypes and shapes."""
    missing, extra = sorted(set(wanted) - set(a)), sorted(set(a) - set(wanted) - set(optional))
    if missing or extra:
        raise WorldError(f"{where}: arrays missing {missing}, unknown {extra}; rebuild the world")
    sizes: dict[str, int] = {}
    specs = {**wanted, **optional}
    for name in dict.fromkeys([*_COUNTING, *specs]):
        if name in a:
            fault = _misfit(a[name], *specs[name], sizes)
            if fault:
                raise WorldError(f"{place(where, name)} {fault}; rebuild the world")


def _misfit(array: NDArray[Any], dtypes: tuple[str, ...], axes: tuple[str, ...], sizes: dict[str, int]) -> str:
    """What is wrong with an array, or nothing. Enters the sizes that it is the first to have."""
    if array.dtype.str not in dtypes:
        return f"is {array.dtype.str}, not {' or '.join(dtypes)}"
    if array.ndim != len(axes):
        return f"has {array.ndim} axes, not {len(axes)}"
    for axis, length in zip(axes, array.shape, strict=True):
        base, plus, _ = axis.partition("+")
        if axis.isdigit():
            base, expected = "rows", int(axis)
        else:
            more = bool(plus)
            expected = length if axis == "*" else sizes.setdefault(base, max(0, length - more)) + more
        if length != expected:
            return f"has {length} {base}{plus and '+1'}, not {expected}"
    return ""


def check_references(a: Arrays, num_categories: int, where: Path | str) -> None:
    """Raise `WorldError` unless the arrays of `COMMON`, of the right shapes, point into each other as they should."""

    def demand(ok: Any, text: str) -> None:
        if not ok:
            raise WorldError(f"{where}: {text}; rebuild the world")

    users, items = len(a["log_indptr"]) - 1, len(a["popularity"])
    demand(items, "there is no item")
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
    demand(np.all(a["category_indptr"][1:] > a["category_indptr"][:-1]), "an item has no category")
    for name, limit in (
        ("category_ids", num_categories),
        ("log_items", items),
        ("train_users", users),
        ("test_users", users),
    ):
        values = a[name]
        demand(not len(values) or (values.min() >= 0 and values.max() < limit), f"{name} holds an unknown id")
    for split in ("train_users", "test_users"):
        demand(len(a[split]) and np.all(np.diff(a[split]) > 0), f"{split} is empty or not strictly increasing")
    demand(not len(np.intersect1d(a["train_users"], a["test_users"])), "train and test users overlap")


def check_finite(a: Arrays, names: set[str], where: Path | str) -> None:
    """Raise `WorldError` if one of these arrays holds NaN or infinity."""
    for name in sorted(names):
        flat = a[name].reshape(-1)
        if not all(np.isfinite(flat[first : first + _PIECE]).all() for first in range(0, flat.size, _PIECE)):
            raise WorldError(f"{place(where, name)} holds NaN or infinity; rebuild the world")


def check_range(a: Arrays, names: set[str], low: float, high: float, where: Path | str) -> None:
    """Raise `WorldError` unless low..high is a range and these arrays stay in it."""
    if not -np.inf < low < high < np.inf:
        raise WorldError(f"{where}: reward_range {low:g} to {high:g} is not finite and rising; rebuild the world")
    for name in sorted(names):
        # Written so that NaN fails too.
        if a[name].size and not (low <= a[name].min() and a[name].max() <= high):
            raise WorldError(f"{place(where, name)} leaves the reward range {low:g} to {high:g}; rebuild the world")


def place(where: Path | str, name: str) -> str:
    """An array as messages call it: its file, or its name in a world that has no folder yet."""
    return str(where / f"{name}.npy") if isinstance(where, Path) else f"{where}: array {name}"
