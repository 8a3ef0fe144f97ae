"""Coat: two matrices of ratings, users by coats, and a matrix of flags with the names of its columns.

Format: https://www.cs.cornell.edu/~schnabts/mnar/ and the README in the archive. Numbers stand between blanks; a rating
of 0 is none. Names are lines like "jackettype:bomber".
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.builder import LogBuilder
from recsim_envs.worlds.logs.log import NO_CATEGORY, Log, Problems
from recsim_envs.worlds.sources.archives import members
from recsim_envs.worlds.sources.registry import find_source
from recsim_envs.worlds.sources.source import Progress

_SHOP: Final = "onfrontpage"  # where the shop showed it is nothing about the coat


def read_coat(folder: Path, progress: Progress) -> Log:
    """`train.ascii`, coats that users chose to rate, as the log; `test.ascii`, 16 drawn at random, as the random split.

    Users and coats are numbered from 1. Categories: the flags of `item_features.ascii`, but for the shop's front page.
    """
    with members(find_source("coat").files[0], folder, progress) as paths:
        chosen, drawn = _matrix(paths["train.ascii"]), _matrix(paths["test.ascii"])
        flags = _matrix(paths["item_features.ascii"])
        names = paths["item_features_map.txt"].read_text("utf-8", "replace").split("\n")
        names = [name.strip() for name in names if name.strip()]
        if chosen.shape != drawn.shape or flags.shape != (chosen.shape[1], len(names)):
            raise LogError(
                f"{paths['train.ascii']}: its shape is {chosen.shape}, that of test.ascii {drawn.shape}, that of "
                f"item_features.ascii {flags.shape}, and {len(names)} features are named: they do not belong together; "
                "fetch the archive anew"
            )
        builder = LogBuilder(_coats(flags, names))
        builder.add(_rated(chosen, paths["train.ascii"]))
        problems = [Problems(str(paths[n]), len(chosen), 0, ()) for n in ("train.ascii", "test.ascii")]
        return builder.build(problems, [_rated(drawn, paths["test.ascii"])])


def _matrix(path: Path) -> NDArray[np.float64]:
    """A matrix of whole numbers, one row a line."""
    rows = [line.split() for line in path.read_text("ascii", "replace").split("\n") if line.strip()]
    widths = [len(row) for row in rows]
    for number, row in enumerate(rows, 1):
        if len(row) != widths[0]:
            raise LogError(f"{path}, line {number}: has {len(row)} numbers, not {widths[0]}; fetch it anew")
    try:
        return np.array(rows, dtype=np.float64).reshape(len(rows), max(widths, default=0))
    except ValueError as error:
        raise LogError(f"{path}: is no matrix of numbers ({error}); fetch it anew") from None


def _coats(flags: NDArray[np.float64], names: list[str]) -> pl.DataFrame:
    """Coats titled like "women, parkas, black (coat 7)"."""
    kept = [k for k, name in enumerate(names) if not name.startswith(_SHOP)]
    features = [[names[k] for k in kept if row[k] == 1] for row in flags]
    words = [", ".join(name.partition(":")[2] or name for name in found) for found in features]
    return pl.DataFrame(
        {
            "item": [str(n) for n in range(1, len(flags) + 1)],
            "title": [f"{text} (coat {n})" if text else f"coat {n}" for n, text in enumerate(words, 1)],
            "categories": [found or [NO_CATEGORY] for found in features],
            "text": [text or None for text in words],
        },
        schema_overrides={"text": pl.String},
    )


def _rated(matrix: NDArray[np.float64], path: Path) -> pl.DataFrame:
    odd = ~np.isin(matrix, range(6))
    if odd.any():
        user, item = np.argwhere(odd)[0]
        raise LogError(
            f"{path}, line {user + 1}, number {item + 1}: {matrix[user, item]:g} is no rating; fetch it anew"
        )
    users, items = np.nonzero(matrix)
    return pl.DataFrame(
        {"user": users + 1, "item": items + 1, "value": matrix[users, items], "time": np.full(len(users), np.nan)}
    ).with_columns(pl.col("user", "item").cast(pl.String))
