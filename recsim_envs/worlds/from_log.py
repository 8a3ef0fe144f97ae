"""A world from anybody's log: a user model fills in what was not seen, and a card says how well it does.

* Rewards: the user model's predictions, brought to the distribution of the log's values by a rising map
  (`building.monotone`), clipped to their range.
* Item vectors of length 1, from what the model learned, from categories or from text (`building.vectors`).
* theta, the distance below which an item is too alike, and r_min, the reward below which a user leaves: quantiles
  over random pairs, or fitted to how long the log's visits last (`building.departure`).
* The card (`card.measure`): how well the model predicts what it was not shown, how far simulated ratings, items and
  sessions are from the log's, what planning is worth, and how much of that hangs on the constants.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsim_envs.errors import ConfigurationError, LongrecError, WorldError
from recsim_envs.worlds.building.options import BuildOptions
from recsim_envs.worlds.logs.log import Log
from recsim_envs.worlds.storage import check_target
from recsim_envs.worlds.world import World

if TYPE_CHECKING:
    from recsim_envs.text.encoder import Encoder
    from recsim_envs.worlds.building.fit import Fitted
    from recsim_envs.worlds.building.prepare import Prepared

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


def build_world(
    ratings: Any,
    items: Any,
    out: str | Path,
    *,
    name: str,
    domain: str,
    licence: str = "that of the log",
    source: str | None = None,
    columns: dict[str, str] | None = None,
    encoding: str | None = None,
    max_bad_share: float = 0.01,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> World:
    """Read a log, fit it, and write the world with its card to the folder `out`. The same seed gives the same world.

    `ratings` and `items` are files or frames, see `logs.reading.read_log`, which also takes `columns`, `encoding` and
    `max_bad_share`; or `ratings` is a `Log` and `items` None. `options` are those of `BuildOptions`; `encoder` embeds
    titles where items lie by their text; `progress(stage, done, total)` is called as the work goes on.

    Raises `ConfigurationError` for an option without meaning or without torch, `LogError` for a log that cannot be
    used, `WorldError` for a folder that cannot be written or a model that predicts held-out rows worse than user and
    item biases alone.
    Nothing half-written stays behind; the same call after a kill goes on with the training where it stood.
    """
    how = BuildOptions.of(options)
    check_target(Path(out))
    if find_spec("torch") is None:  # every card holds the model against one that is trained
        raise ConfigurationError("worlds from logs need torch; pip install 'longrec[data]'")
    tell = progress or (lambda *_: None)
    if isinstance(ratings, Log):
        log = ratings
    else:
        from recsim_envs.worlds.logs.reading import read_log

        log = read_log(ratings, items, columns=columns, encoding=encoding, max_bad_share=max_bad_share, progress=tell)
    facts = {"name": name, "domain": domain, "licence": licence, "source": source or _source(ratings, log)}
    return _build(log, Path(out), how, facts, encoder, tell)


def _source(ratings: Any, log: Log) -> str:
    return Path(ratings).name if isinstance(ratings, str | Path) else Path(log.problems[-1].file).name


def _build(
    log: Log, out: Path, how: BuildOptions, facts: dict[str, Any], encoder: Encoder | None, tell: Progress
) -> World:
    from recsim_envs.worlds.building.fit import fit_all, workshop
    from recsim_envs.worlds.building.prepare import prepare

    tell("preparing", 0, 1)
    ready = prepare(log, how)
    _demand_sense(ready, how, facts)
    with _workshop(workshop(ready, how)) as folder:
        fitted = fit_all(ready, how, folder, tell)
        world = _made(ready, fitted, how, facts, encoder, tell)
    saved = world.save(out)
    shutil.rmtree(folder, ignore_errors=True)
    return saved


def _demand_sense(ready: Prepared, how: BuildOptions, facts: dict[str, Any]) -> None:
    """Raise before the long training what would be found only after it."""
    from recsim_envs.worlds.building import assemble, departure, vectors

    assemble.check_facts(facts)
    vectors.settled(how.vectors_from, how.model, ready.log.items)
    if how.departure == "fitted":
        departure.visit_lengths(ready.visits, ready.train_users)


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder that is gone when no world can be made; what is killed or cannot be written leaves it, to go on from."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldError(
            f"cannot write {folder}, where training keeps its state: {error.strerror}; set LONGREC_HOME to another "
            "folder"
        ) from error
    try:
        yield folder
    except LongrecError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _made(
    ready: Prepared,
    fitted: dict[str, Fitted],
    how: BuildOptions,
    facts: dict[str, Any],
    encoder: Encoder | None,
    tell: Progress,
) -> World:
    from recsim_envs.worlds.building.vectors import item_vectors

    predicted = _judged(ready, fitted, how)
    tell("assembling", 0, 1)
    kind, vectors = item_vectors(how.vectors_from, fitted[how.model].model, ready.log.items, encoder)
    worlds, departure = _worlds(ready, fitted, vectors, how, facts, tell)
    card = _card(ready, fitted, predicted, worlds, how, {"vectors_from": kind, "thresholds": departure}, tell)
    return worlds[how.model].with_card(card)


def _judged(ready: Prepared, fitted: dict[str, Fitted], how: BuildOptions) -> dict[str, Any]:
    """Predictions of the held-out rows. Raises `WorldError` for a model that is worse than biases alone."""
    from recsim_envs.worlds.building.fit import predictions

    mean = float(ready.rows.values[ready.train].mean(dtype=np.float64))
    found = predictions(fitted, how.model, ready.rows, ready.held_out, mean)
    errors = {
        name: float(np.sqrt(np.mean((found[name] - ready.rows.values[ready.held_out]) ** 2)))
        for name in ("model", "bias_only")
    }
    if how.model != "biases" and errors["model"] >= errors["bias_only"] and not how.force:
        raise WorldError(
            f"{ready.log.problems[-1].file}: on held-out rows the model {how.model} (RMSE {errors['model']:.4f}) is no "
            f"better than user and item biases alone ({errors['bias_only']:.4f}); pass more ratings, another model or "
            "rank, or force"
        )
    return found


def _worlds(
    ready: Prepared, fitted: dict[str, Fitted], vectors: Any, how: BuildOptions, facts: dict[str, Any], tell: Progress
) -> tuple[dict[str, World], dict[str, Any]]:
    """A world of each user model, alike in all else, by name; and what is known of the thresholds, for the card.

    Their rewards differ, so each has its own r_min, at the quantile of the chosen one.
    """
    from recsim_envs.worlds.building import departure
    from recsim_envs.worlds.building.assemble import assemble, with_departure

    facts = facts | {"description": f"{facts['domain']} of {facts['source']}, completed by the user model {how.model}"}
    found, known = {}, {"theta_quantile": how.theta_quantile, "r_min_quantile": how.r_min_quantile}
    for name, one in fitted.items():
        world = assemble(ready, one, vectors, facts, how.to_json())
        sampled = departure.Sampled.of(vectors, ready.num_users, one.pay, how.seed)
        if name == how.model and how.departure == "fitted":
            constants, more = departure.fitted(
                world, sampled, ready.visits, how, lambda *a: tell("fitting departure", *a)
            )
            known |= more
        elif name == how.model:
            constants = departure.at_quantiles(sampled, how)
        else:
            r_min = sampled.least(known["r_min_quantile"])
            constants = constants.model_copy(update={"r_min": r_min})
        found[name] = with_departure(world, constants)
    return found, known


def _card(
    ready: Prepared,
    fitted: dict[str, Fitted],
    predicted: dict[str, Any],
    worlds: dict[str, World],
    how: BuildOptions,
    known: dict[str, Any],
    tell: Progress,
) -> dict[str, Any]:
    from recsim_envs.worlds.building.fit import predictions_anywhere
    from recsim_envs.worlds.card.measure import log_card

    rows, model = ready.rows, fitted[how.model].model
    return log_card(
        worlds[how.model],
        ready.log,
        train=rows[ready.train],
        held_out=rows[ready.held_out],
        predictions=predicted,
        random_predictions=predictions_anywhere(fitted, how.model, ready),
        visits=ready.visits,
        alternatives={name: world for name, world in worlds.items() if name != how.model},
        fit=known
        | {
            "model": how.model,
            "rank": how.rank,
            "epochs": model.epochs,
            "validation_rmse": round(model.validation_rmse, 4),
            "departure": how.departure,
            "holdout": "time" if ready.by_time else "random",
            "calibration": how.calibration,
            "implicit": ready.log.implicit,
            "replaced": ready.log.replaced,
            "files": [asdict(p) | {"file": Path(p.file).name} for p in ready.log.problems],
        },
        seed=how.seed,
        sessions=how.card_sessions,
        progress=tell,
    )
