"""A world from anybody's ratings: biased matrix factorisation fills in what was not rated.

* Reward of a user and an item: the prediction, clipped to the range of the ratings.
* Item vectors: the item factors scaled to length 1, so distances lie in 0..2 and do not shrink for rarely rated items.
* theta, the distance below which an item is too alike: a quantile of the distances of item pairs.
* r_min, the reward below which a user leaves: a quantile of the predicted rewards over all pairs. A fixed 2 would
  not do: predictions are drawn towards the mean, so on a scale of 1..5 hardly one lies below 2 although many
  ratings do; and other logs have other scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from recsim_envs.errors import ConfigurationError, LogError, WorldError
from recsim_envs.rng import WORLD, below_array, bits_array
from recsim_envs.worlds.factors import factor_rewards
from recsim_envs.worlds.public import popularity_and_means
from recsim_envs.worlds.storage import Arrays, StringColumn, check_target
from recsim_envs.worlds.validity import held_out_errors, rating_distribution
from recsim_envs.worlds.world import MAX_HORIZON, MAX_WINDOW, DepartureDefaults, World, WorldInfo

if TYPE_CHECKING:
    from recsim_envs.worlds.mf import Factorisation, Progress, Ratings
    from recsim_envs.worlds.readers import Log

_SPLIT: Final = WORLD + 64  # which ratings are held out
_USERS: Final = WORLD + 65  # which users are test users
_PAIRS: Final = WORLD + 66  # pairs that quantiles are taken over
_SAMPLED_PAIRS: Final = 200_000
TABLE_LIMIT: Final = 200_000_000  # users x items above which the world keeps factors, not a table
_MANY: Final = 1_000_000
_WHOLE: Final = {
    "rank": (1, 1024),
    "epochs": (1, _MANY),
    "min_ratings": (3, _MANY),
    "window": (1, MAX_WINDOW),
    "horizon": (1, MAX_HORIZON),
}


@dataclass(frozen=True)
class BuildOptions:
    """What `build_world` can be told.

    rank, epochs: size of the factorisation and its longest training. min_ratings: users with fewer are left out.
    test_share: share of the users in the test split. theta_quantile, r_min_quantile: see the module. columns,
    encoding, max_bad_share: see `readers.read_log`. force: keep a model that is no better than biases alone.
    """

    rank: int = 32
    epochs: int = 60
    min_ratings: int = 5
    test_share: float = 0.2
    theta_quantile: float = 0.02
    r_min_quantile: float = 0.1
    window: int = 4
    horizon: int = 50
    columns: Mapping[str, str] | None = None
    encoding: str | None = None
    max_bad_share: float = 0.01
    force: bool = False

    def check(self) -> None:
        """Raise `ConfigurationError` for a value without meaning."""
        for name, (low, high) in _WHOLE.items():
            _demand_whole(name, getattr(self, name), low, high)
        for name in ("test_share", "theta_quantile", "r_min_quantile"):
            share = getattr(self, name)
            if not isinstance(share, float) or not 0 < share < 1:
                raise ConfigurationError(f"{name} must lie between 0 and 1, got {share!r}")
        if not isinstance(self.max_bad_share, int | float) or not 0 <= self.max_bad_share <= 1:
            raise ConfigurationError(f"max_bad_share must be 0 to 1, got {self.max_bad_share!r}")
        names = self.columns if self.columns is not None else {}
        if not isinstance(names, Mapping) or not all(isinstance(n, str) for pair in names.items() for n in pair):
            raise ConfigurationError(f"columns must map our names to the files', got {names!r}")
        if not isinstance(self.encoding, str | None):
            raise ConfigurationError(f"encoding must be a name such as 'latin-1', got {self.encoding!r}")


def _demand_whole(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}, got {value!r}")


def build_world(
    ratings: str | Path,
    items: str | Path,
    out: str | Path,
    *,
    name: str,
    domain: str,
    seed: int = 0,
    licence: str = "that of the log",
    progress: Progress | None = None,
    **options: Any,
) -> World:
    """Read a log, fit it, and write the world with its card to the folder `out`. The same seed gives the same world.

    `options` are those of `BuildOptions`; `progress(stage, done, total)` is called as the work goes on. Raises
    `ConfigurationError` for an option without meaning, `LogError` for a log that cannot be used, `WorldError` for a
    folder that cannot be written or a model that predicts held-out ratings no better than user and item biases alone.
    Nothing half-written stays behind.
    """
    try:
        how = BuildOptions(**options)
    except TypeError as error:
        raise ConfigurationError(
            f"build_world: {error}; options are {', '.join(BuildOptions.__annotations__)}"
        ) from None
    how.check()
    _demand_whole("seed", seed, 0, 2**63 - 2)  # torch seeds its second stream with the next number
    check_target(Path(out))
    for path in (ratings, items):
        if "\0" in str(path):
            raise LogError(f"{str(path)!r} is no path; pass the file with the ratings or the items")
    from recsim_envs.worlds.readers import read_log

    tell = progress or _silent
    tell("reading", 0, 1)
    log = read_log(ratings, items, columns=how.columns, encoding=how.encoding, max_bad_share=how.max_bad_share)
    indexed = _index(log, how.min_ratings)
    fitted = _fit(indexed, how, seed, tell)
    tell("assembling", 0, 1)
    world = _assemble(indexed, fitted, how, seed, name=name, domain=domain, licence=licence, source=Path(ratings).name)
    return world.with_card(_card(world, log, indexed, fitted, how, seed)).save(out)


def _silent(stage: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True, eq=False)
class _Indexed:
    """The log in numbers: ratings sorted by user and time, items in the items file's order."""

    ratings: Ratings
    indptr: NDArray[np.int64]
    titles: list[str]
    categories: list[list[str]]


def _index(log: Log, min_ratings: int) -> _Indexed:
    import polars as pl

    from recsim_envs.worlds.mf import Ratings

    kept = log.ratings.filter(pl.len().over("user") >= min_ratings)
    users = sorted(kept["user"].unique().to_list(), key=lambda u: (len(u), u) if u.isdigit() else (1 << 30, u))
    shelf = log.items.filter(pl.col("item").is_in(kept["item"].implode()))
    if len(users) < 10 or len(shelf) < 10:
        raise LogError(
            f"{log.problems[1].file}: {len(users)} users with at least {min_ratings} ratings and {len(shelf)} rated "
            "items are left; 10 of each are needed. Lower min_ratings or pass more data"
        )
    numbers = kept.with_columns(
        pl.col("user").replace_strict(users, range(len(users)), return_dtype=pl.Int64),
        pl.col("item").replace_strict(shelf["item"], range(len(shelf)), return_dtype=pl.Int64),
    ).sort("user", maintain_order=True)
    users_of, items_of, values = (numbers[c].to_numpy() for c in ("user", "item", "rating"))
    found = Ratings(users_of, items_of, values.astype(np.float32))
    if found.values.min() == found.values.max():
        raise LogError(
            f"{log.problems[1].file}: all ratings of users with at least {min_ratings} are equal, so nothing can be "
            "learned. Lower min_ratings or pass graded ratings"
        )
    indptr = np.concatenate([[0], np.cumsum(np.bincount(found.users, minlength=len(users)))]).astype(np.int64)
    return _Indexed(found, indptr, shelf["title"].to_list(), shelf["categories"].to_list())


@dataclass(frozen=True, eq=False)
class _Fitted:
    model: Factorisation
    bias_only: Factorisation
    held_out: Ratings


def _fit(log: _Indexed, how: BuildOptions, seed: int, progress: Progress) -> _Fitted:
    """Fit on 80 % of the ratings, stop on 10 %, hold out 10 % for the card."""
    from recsim_envs.worlds.mf import Fit, fit

    tenth = np.argsort(bits_array(seed, np.arange(len(log.ratings)), _SPLIT), kind="stable") % 10
    train, valid, held_out = (log.ratings[part] for part in (tenth > 1, tenth == 1, tenth == 0))
    sizes = len(log.indptr) - 1, len(log.titles)
    batch = max(32, len(train) // 80)  # eighty steps an epoch, however long the log
    plan = Fit(rank=how.rank, epochs=how.epochs, batch=batch)
    model, bias_only = (fit(train, valid, *sizes, p, seed, progress) for p in (plan, replace(plan, rank=0)))
    return _Fitted(model, bias_only, held_out)


def _assemble(
    log: _Indexed, fitted: _Fitted, how: BuildOptions, seed: int, *, name: str, domain: str, licence: str, source: str
) -> World:
    model, (low, high) = fitted.model, _range(log)
    arrays: Arrays = {
        "user_factors": model.user_factors,
        "item_factors": model.item_factors,
        "user_bias": (model.user_bias + np.float32(model.mean)).astype(np.float32),
        "item_bias": model.item_bias,
    }
    departure = _departure(model, arrays, (low, high), how, seed)
    dense = len(log.titles) * (len(log.indptr) - 1) <= TABLE_LIMIT
    if dense:
        everybody = np.arange(len(log.indptr) - 1)
        arrays = {"rewards": factor_rewards(*arrays.values(), everybody, low, high)}
    names, shelves = _categories(log)
    arrays |= _users(log, how.test_share, seed) | shelves
    arrays["vectors"] = _directions(model.item_factors)
    try:
        info = WorldInfo(
            name=name,
            domain=domain,
            description=f"{domain} rated in {source}, completed by matrix factorisation",
            source=source,
            licence=licence,
            reward_model="table" if dense else "factors",
            reward_range=(low, high),
            category_names=names,
            departure=departure,
            recipe={"seed": seed, **asdict(how), "columns": dict(how.columns or {})},
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return World(info, arrays)


def _range(log: _Indexed) -> tuple[float, float]:
    return float(log.ratings.values.min()), float(log.ratings.values.max())


def _directions(factors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt((factors.astype(np.float64) ** 2).sum(1, keepdims=True))
    scaled: NDArray[np.float32] = (factors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def _departure(
    model: Factorisation, arrays: Arrays, span: tuple[float, float], how: BuildOptions, seed: int
) -> DepartureDefaults:
    """Theta and r_min at their quantiles over random pairs, rounded to four digits."""
    draw, items = np.arange(_SAMPLED_PAIRS), len(model.item_bias)
    first = below_array(items, seed, draw, _PAIRS, 0)
    other = (first + 1 + below_array(items - 1, seed, draw, _PAIRS, 1)) % items
    vectors = _directions(model.item_factors)
    distances = np.sqrt(((vectors[first] - vectors[other]) ** 2).sum(1))
    users = below_array(len(model.user_bias), seed, draw, _PAIRS, 2)
    rewards = model.predict(users, first).clip(*span)
    return DepartureDefaults(
        window=how.window,
        threshold=round(float(np.quantile(distances, how.theta_quantile)), 4),
        r_min=round(float(np.quantile(rewards, how.r_min_quantile)), 4),
        horizon=how.horizon,
    )


def _users(log: _Indexed, test_share: float, seed: int) -> Arrays:
    """Disjoint train and test users, everybody's log, and what the train users' log says of the items."""
    count = len(log.indptr) - 1
    order = np.argsort(bits_array(seed, np.arange(count), _USERS), kind="stable")
    tests = min(max(1, round(test_share * count)), count - 1)
    of_train = np.isin(log.ratings.users, order[tests:])
    train = log.ratings[of_train]
    return popularity_and_means(train.items, train.values, len(log.titles)) | {
        "train_users": np.sort(order[tests:]).astype(np.int32),
        "test_users": np.sort(order[:tests]).astype(np.int32),
        "log_indptr": log.indptr,
        "log_items": log.ratings.items.astype(np.int32),
        "log_rewards": log.ratings.values,
    }


def _categories(log: _Indexed) -> tuple[tuple[str, ...], Arrays]:
    names = sorted({c for categories in log.categories for c in categories})
    number = {c: k for k, c in enumerate(names)}
    titles = StringColumn.of(log.titles)
    return tuple(names), {
        "title_bytes": titles.data,
        "title_offsets": titles.offsets,
        "category_indptr": np.concatenate([[0], np.cumsum([len(c) for c in log.categories])]).astype(np.int64),
        "category_ids": np.array([number[c] for categories in log.categories for c in categories], np.int32),
    }


def _card(world: World, log: Log, indexed: _Indexed, fitted: _Fitted, how: BuildOptions, seed: int) -> dict[str, Any]:
    """Held-out errors, distributions, sizes, problems of the files. Raises `WorldError` for a useless model."""
    test, span = fitted.held_out, world.info.reward_range
    predicted = {
        "model": fitted.model.predict(test.users, test.items).clip(*span),
        "bias_only": fitted.bias_only.predict(test.users, test.items).clip(*span),
        "global_mean": np.full(len(test), fitted.model.mean),
    }
    errors = held_out_errors(test.users, test.values, predicted, seed)
    if errors["rmse_gain"][0] <= 0 and not how.force:
        raise WorldError(
            f"{log.problems[1].file}: on held-out ratings the model (RMSE {errors['model']['rmse'][0]}) is no better "
            f"than user and item biases alone ({errors['bias_only']['rmse'][0]}); pass more ratings, another rank, "
            "or force=True"
        )
    draw = np.arange(_SAMPLED_PAIRS)
    users = below_array(world.num_users, seed, draw, _PAIRS, 3)
    anywhere = fitted.model.predict(users, below_array(world.num_items, seed, draw, _PAIRS, 4)).clip(*span)
    return {
        "kind": "log",
        "sizes": {"users": world.num_users, "items": world.num_items, "ratings": len(indexed.ratings)},
        "held_out": errors,
        "ratings": rating_distribution(test.values, predicted=predicted["model"], all_pairs=anywhere),
        "fit": {
            "rank": how.rank,
            "epochs": fitted.model.epochs,
            "validation_rmse": round(fitted.model.validation_rmse, 4),
        },
        "files": [asdict(p) for p in log.problems],
        "replaced_ratings": log.replaced,
    }
