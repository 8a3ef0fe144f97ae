"""`ResponseModel`: the arrays of the trained response model and of the catalogue it was trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from recsim_envs.errors import WorldError
from recsim_envs.families.session.synthetic_log import ATTRIBUTES, BEHAVIOURS, FEATURES, TAGS, VIDEO_TYPES
from recsim_envs.spec import Catalogue

WEIGHTS: Final = Path(__file__).with_name("weights.safetensors")
_MOST: Final = 2**53
_OFFSETS: Final = np.concatenate([[0], np.cumsum(list(FEATURES.values()))[:-1]]).astype(np.int32)


class Arrays(NamedTuple):
    """What `network` computes with, float32 and folded, so that no matrix product is left for run time.

    n items, H hidden, D encoding, S behaviours, F the values of all user features one after another.
    """

    items: NDArray[np.float32]  # (n, D) cached encodings, normalised
    item_gates: NDArray[np.float32]  # (n, 3H) what an item adds to the gates, with the input bias
    response_gates: NDArray[np.float32]  # (S, 3H) what each behaviour adds
    hidden_gates: NDArray[np.float32]  # (H, 3H)
    hidden_bias: NDArray[np.float32]  # (3H,)
    start_users: NDArray[np.float32]  # (F, H) what each feature value adds to the first hidden state
    start_bias: NDArray[np.float32]  # (H,)
    query_hidden: NDArray[np.float32]  # (H, S * D)
    query_users: NDArray[np.float32]  # (F, S * D)
    query_bias: NDArray[np.float32]  # (S * D,)
    scale: NDArray[np.float32]  # (S,) from fit to logit
    bias: NDArray[np.float32]  # (S,)


@dataclass(frozen=True, eq=False)
class ResponseModel:
    """The network, and beside it what is public of the items and from whom users are drawn.

    attributes: int32 (n, 5), see `synthetic_log.ATTRIBUTES`. fame: int64 (n,), the logging policy shows items in
    proportion to it. popularity and mean_reward: (n,), of the training users' log. profiles: int32 (p, 13), feature
    values of the log's users. digest: SHA-256 of the file, or "" for a model in memory.

    Raises `WorldError` for arrays that do not fit one another or hold what the kernel cannot compute with: compiled
    code checks no bounds.
    """

    arrays: Arrays
    attributes: NDArray[np.int32]
    fame: NDArray[np.int64]
    popularity: NDArray[np.int64]
    mean_reward: NDArray[np.float32]
    profiles: NDArray[np.int32]
    digest: str = ""

    def __post_init__(self) -> None:
        for name, shape, dtype in self._layout():
            array = getattr(self.arrays if name in Arrays._fields else self, name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
                told = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise WorldError(f"{name} of a response model must be {np.dtype(dtype)} {shape}, got {told}")
            if not np.isfinite(array).all():
                raise WorldError(f"{name} of a response model must be finite")
        _check_values("attributes", self.attributes, list(ATTRIBUTES.values()))
        _check_values("profiles", self.profiles, list(FEATURES.values()))
        _check_values("popularity", self.popularity, [_MOST])
        if self.fame.min() < 0 or not 0 < self.fame.sum(dtype=np.float64) < _MOST:
            raise WorldError("fame of a response model must be at least 0, and above 0 for some video")

    def _layout(self) -> list[tuple[str, tuple[int, ...], type[np.generic]]]:
        """Name, shape and type of every array, as they follow from the sizes of `fame`, `items` and `start_bias`."""
        n, p = max(np.size(self.fame), 1), max(len(np.atleast_1d(self.profiles)), 1)
        d, h = max(np.shape(self.arrays.items)[-1:] or (1,)), max(np.size(self.arrays.start_bias), 1)
        s, f = len(BEHAVIOURS), sum(FEATURES.values())
        shapes = (n, d), (n, 3 * h), (s, 3 * h), (h, 3 * h), (3 * h,), (f, h), (h,), (h, s * d), (f, s * d), (s * d,)
        net = zip(Arrays._fields, (*shapes, (s,), (s,)), strict=True)
        return [
            *((name, shape, np.float32) for name, shape in net),
            ("attributes", (n, len(ATTRIBUTES)), np.int32), ("fame", (n,), np.int64), ("popularity", (n,), np.int64),
            ("mean_reward", (n,), np.float32), ("profiles", (p, len(FEATURES)), np.int32),
        ]  # fmt: skip

    @property
    def num_items(self) -> int:
        """Number of videos."""
        return len(self.fame)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What agents may know of the videos: title, tag and type, popularity and mean reward in the log."""
        tag, kind, author = self.attributes[:, 0], self.attributes[:, 1], self.attributes[:, 4]
        return Catalogue(
            titles=tuple(f"{TAGS[t]} no. {i} by author {a}" for i, (t, a) in enumerate(zip(tag, author, strict=True))),
            category_names=TAGS + VIDEO_TYPES,
            category_indptr=_read_only(np.arange(0, 2 * self.num_items + 1, 2)),
            category_ids=_read_only(np.stack([tag, len(TAGS) + kind], 1).ravel().astype(np.int32)),
            popularity=_read_only(self.popularity),
            mean_reward=_read_only(self.mean_reward),
        )

    def __reduce__(self) -> Any:
        """A pickle or copy of the shipped model is a name, not half a megabyte of arrays."""
        return (shipped, ()) if self is shipped() else super().__reduce__()

    @cached_property
    def profile_rows(self) -> NDArray[np.int32]:
        """The profiles as rows of the tables of feature values: (p, 13)."""
        return self.profiles + _OFFSETS

    def to_bytes(self) -> bytes:
        """The file: safetensors, integers in the smallest type that holds them."""
        small = {"attributes": np.uint8, "fame": np.int32, "popularity": np.int32, "profiles": np.uint8}
        kept = {name: np.ascontiguousarray(getattr(self, name).astype(dtype)) for name, dtype in small.items()}
        return save(self.arrays._asdict() | kept | {"mean_reward": self.mean_reward})


def _check_values(name: str, array: NDArray[np.int64] | NDArray[np.int32], sizes: list[int]) -> None:
    """Raise `WorldError` unless the values of each column (n, k) are 0..size-1, or those of all are (one size)."""
    if array.min() < 0 or (array.reshape(-1, len(sizes)) >= sizes).any():
        raise WorldError(f"{name} of a response model has values outside 0..{max(sizes) - 1} of their column")


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that nobody writes to, for what agents see."""
    copied = array.copy()
    copied.flags.writeable = False
    return copied


def from_bytes(content: bytes, source: str) -> ResponseModel:
    """Read what `to_bytes` wrote. Raises `WorldError` naming `source` where it is damaged or incomplete."""
    try:
        found: dict[str, NDArray[Any]] = load(content)
        integers = {
            "attributes": np.int32, "fame": np.int64, "popularity": np.int64, "profiles": np.int32,
            "mean_reward": np.float32,
        }  # fmt: skip
        return ResponseModel(
            Arrays(**{name: found[name].astype(np.float32) for name in Arrays._fields}),
            **{name: found[name].astype(dtype) for name, dtype in integers.items()},
            digest=hashlib.sha256(content).hexdigest(),
        )
    except (SafetensorError, KeyError, WorldError) as error:
        raise WorldError(
            f"{source} is no response model of the session family ({error}); "
            "install longrec again, or make it by python -m recsim_envs.families.session.train"
        ) from error


@cache
def shipped() -> ResponseModel:
    """The response model in the package, read once a process."""
    try:
        return from_bytes(WEIGHTS.read_bytes(), str(WEIGHTS))
    except OSError as error:
        raise WorldError(f"cannot read {WEIGHTS}: {error.strerror}; install longrec again") from error
