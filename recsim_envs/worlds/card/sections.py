"""The sections of a card, whatever kind it is; those of a world from a log.

A card is data from outside. A section whose figures are missing, or are something else, says so and the others stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recsim_envs.worlds.card.blocks import (
    ABSENT,
    Block,
    Picture,
    Points,
    Section,
    Table,
    Text,
    figure,
    interval,
    visible,
)
from recsim_envs.worlds.card.names import FIGURES, PREDICTORS, RATING_SETS
from recsim_envs.worlds.card.synthetic import facts
from recsim_envs.worlds.world import World

Card = Mapping[str, Any]
DAMAGE: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading figures from a card may raise that was not written by this package."""
NO_CARD: Final = "This world has no card: nothing is known about how well it fits."
INCOMPLETE: Final = "This world's card is incomplete: how well it fits was not measured, or is written in another way."


def about(world: World) -> list[tuple[str, str]]:
    """What the world is, line by line."""
    info = world.info
    low, high = info.reward_range
    train, test = (len(world.users(split)) for split in ("train", "test"))
    return [
        ("domain", info.domain),
        ("source", info.source),
        ("licence", info.licence),
        ("users", f"{world.num_users:,} ({train:,} train, {test:,} test)"),
        ("items", f"{world.num_items:,} in {len(info.category_names):,} categories"),
        ("rewards", f"{low:g} to {high:g}, {info.reward_model}"),
        ("users leave", _departure(world)),
    ]


def _departure(world: World) -> str:
    d = world.info.departure
    if d.leave_by == "category":
        return (
            f"when a category of an item occurred more than {d.category_limit} times among the last {d.window} items, "
            f"or its reward is below {d.r_min:g}; never at the first step; horizon {d.horizon}"
        )
    return (
        f"when an item lies nearer than {d.threshold:g} to one of the last {d.window}, or its reward is below "
        f"{d.r_min:g}; never at the first step; horizon {d.horizon}"
    )


def sections(card: Card) -> list[Section]:
    """The sections of a world's card; one that says so where there is no card, or one that cannot be read."""
    kind = card.get("kind")
    if not card:
        return [Section("", [Text(NO_CARD)])]
    if kind == "synthetic":
        return [_safe("", facts, card)]
    if kind == "log" and card.get("schema_version") == 2:
        return [_safe(title, build, card) for title, build in _LOG.items() if build is not _problems or _bad(card)]
    return [Section("", [Text(INCOMPLETE if kind in ("log", "synthetic") else NO_CARD)])]


def _safe(title: str, build: Callable[[Card], Section], card: Card) -> Section:
    try:
        return build(card)
    except DAMAGE:
        return Section(title, [Text(INCOMPLETE)])


def _not_valid(card: Card) -> Section:
    return _verdict(card, "not_valid_for", "Nothing speaks against a use among what was measured.")


def _good(card: Card) -> Section:
    return _verdict(card, "good_for", "Nothing that was measured speaks for a use.")


def _verdict(card: Card, key: str, nothing: str) -> Section:
    points = [(str(said["text"]), str(said["figure"])) for said in card["verdict"][key]]
    title = {"not_valid_for": "Not valid for", "good_for": "Good for"}[key]
    return Section(title, [Points(points) if points else Text(nothing)])


def _held_out(card: Card) -> Section:
    held = card["held_out"]
    found, gains = held["predictors"], held["gains"]
    rows = [
        (PREDICTORS[name], *(interval(found[name][key]) for key in FIGURES)) for name in PREDICTORS if name in found
    ]
    compared = [key for key in FIGURES if all(key in gain for gain in gains.values())]
    better = [(f"over {PREDICTORS[name]}", *(interval(gains[name][k]) for k in compared)) for name in gains]
    how = held["resampling"]
    blocks: list[Block] = [
        Text(
            f"Intervals are of 95 %, over {how['replicates']:,} resamples of users. A row is liked from "
            f"{held['liked_from']:g} ({held['liked_share']:.0%} of them). NDCG@10 and pairs are taken within each "
            "user's held-out rows; the calibration error is the mean distance of predicted and observed means over ten "
            "bins of equal mass."
        ),
        Table(("predictor", *FIGURES.values()), rows),
        Picture("predictors", "Errors and ranking of each predictor on the same held-out rows, with 95 % intervals."),
    ]
    if better:
        blocks += [
            Text("What the model gains over others, paired: above 0 it is better."),
            Table(("gain", *(FIGURES[key] for key in compared)), better),
        ]
    shown = "Observed against predicted means in bins of equal mass; on the dashed line both agree."
    return Section(
        f"{held['rows']:,} held-out rows of {held['users']:,} users", [*blocks, Picture("reliability", shown)]
    )


def _distances(card: Card) -> Section:
    found = card["distances"]
    ratings, levels = found["ratings"], found["ratings"]["levels"]
    shares = [(text, *(figure(x) for x in ratings["shares"][key])) for key, text in RATING_SETS.items()]
    apart = [
        (f"ratings, {text.removeprefix('simulated, ')}", "", "", _apart(ratings["distance"][key]))
        for key, text in RATING_SETS.items()
        if key in ratings["distance"]
    ]
    return Section(
        "Does it behave as the log does?",
        [
            Text(
                "Sessions are simulated under a recommender that draws items by their popularity in the log. TV is the "
                "total variation distance, KS that of Kolmogorov and Smirnov, W1 the Wasserstein distance in the unit "
                "of the figure; each is 0 where both agree."
            ),
            Table(("", "log", "simulated", "distance"), [*apart, *_behaviour(found)]),
            Table(("share of rating", *(f"{level:g}" for level in levels)), shares),
            Picture("ratings", "How often each rating occurs, observed and simulated."),
            *_pictures(found),
        ],
    )


def _behaviour(found: Card) -> list[tuple[str, str, str, str]]:
    popular, mix, lengths, gaps = (found[key] for key in ("popularity", "categories", "lengths", "return_gap"))
    rows = []
    if popular["known"]:
        ginis = [figure(popular[key]["gini"]) for key in ("log", "simulated")]
        rows.append(("Gini of likes over items", *ginis, f"{popular['distance']:.3f} between share curves"))
    if mix["known"]:
        rows.append(("categories among likes", "", "", f"TV {mix['distance']:.3f}"))
    simulated = figure(lengths["simulated"]["mean"], 1)
    if lengths["known"]:
        rows.append(
            (
                "session length, cut at the horizon",
                figure(lengths["log"]["mean"], 1),
                simulated,
                _apart(lengths["distance"]),
            )
        )
    else:
        rows.append(("session length", ABSENT, simulated, str(lengths["why"])))
    here = f"median {gaps['quantiles']['0.5']:.1f} days" if gaps["known"] else ABSENT
    rows.append(("gap between visits", here, "not modelled", ABSENT))
    return [(a, b, c, d) for a, b, c, d in rows]


def _apart(distance: Card) -> str:
    return f"TV {distance['tv']:.3f}, KS {distance['ks']:.3f}, W1 {distance['wasserstein']:.3f}"


def _pictures(found: Card) -> list[Picture]:
    captions = {
        "popularity": "How much of all likes the most liked items hold.",
        "categories": "Shares of the log's largest categories among what is liked.",
        "lengths": "How long sessions last.",
    }
    return [Picture(name, text) for name, text in captions.items() if found[name]["known"]]


def _exposure(card: Card) -> Section:
    found = card["exposure"]
    blocks: list[Block] = [Text(str(found["words"]))]
    if found["known"]:
        drops, keys = found["drop"], ("rmse", "mae", "auc", "ndcg", "pairs")
        rows = [
            (PREDICTORS[name], *(interval(drops[name][key]) for key in keys)) for name in PREDICTORS if name in drops
        ]
        blocks += [
            Text(
                f"How much worse each figure is on {found['random']['rows']:,} rows that were shown at random. There a "
                f"user has {_rows_each(found['random']):.1f} of them, {_rows_each(card['held_out']):.1f} among the "
                "held-out ones: NDCG@10 falls with the number of rows, which the global mean shows."
            ),
            Table(("predictor", *(FIGURES[key] for key in keys)), rows),
            Picture("exposure", "Errors on rows that users chose and on rows that were shown at random."),
        ]
    return Section("Items that nobody chose", blocks)


def _rows_each(held: Card) -> float:
    return float(held["rows"] / held["users"])


def _horizon(card: Card) -> Section:
    found, without = card["horizon"], card["horizon"]["no_repeat"]
    gap, low, high = (f"{x:.1%}" for x in found["gap"])
    blocks: list[Block] = [
        Text(
            f"The horizon gap, {gap} [{low}, {high}], is what the planner gains over {found['best_myopic']}, the "
            f"best policy that does not plan, in {found['sessions']:,} sessions of test users. All but random and "
            "popular know the true users."
        ),
        _returns(found),
        Picture("horizon", "Return of a session of each reference policy."),
    ]
    if without is not None:
        gap, low, high = (f"{x:.1%}" for x in without["gap"])
        told = f"Where no item may be shown twice (protocol NX_0) it is {gap} [{low}, {high}], over "
        blocks += [Text(f"{told}{without['best_myopic']}."), _returns(without)]
    return Section("What planning is worth", blocks)


def _returns(found: Mapping[str, Any]) -> Table:
    rows = [
        (str(name), interval(score, 1), figure(found["lengths"][name], 1)) for name, score in found["scores"].items()
    ]
    return Table(("policy", "return (95 %)", "steps"), rows)


def _sensitivity(card: Card) -> Section:
    found = card["sensitivity"]
    rows = [
        (
            str(row["name"]),
            interval(row["tau"], 2),
            str(row["best"]),
            *(figure(x, 1) for x in row["returns"]),
        )
        for row in found["settings"]
    ]
    return Section(
        "Would agents rank the same otherwise?",
        [
            Text(
                f"Returns of the reference agents in the same {found['sessions']:,} sessions under other constants and "
                "user models, and Kendall's tau-b of their ranking against that of the world as built."
            ),
            Table(("setting", "tau-b (95 %)", "best", *map(str, found["agents"])), rows),
            Picture("sensitivity", "Mean returns; the darker, the better the rank of an agent within its row."),
        ],
    )


def _made(card: Card) -> Section:
    sizes = card["sizes"]
    rows = [
        ("rows fitted on", f"{sizes['train_rows']:,}"),
        ("rows held out", f"{sizes['held_out_rows']:,}"),
        ("items that policies played on", f"{sizes['items_played']:,} of {sizes['items']:,}"),
    ]
    rows += [(str(key).replace("_", " "), _told(value)) for key, value in card["fit"].items() if key != "files"]
    return Section("How it was made", [Table(("", ""), rows)])


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_told, value))
    return f"{value:g}" if isinstance(value, float) else visible(value, 200)


def _bad(card: Card) -> bool:
    fit = card.get("fit")
    files = fit.get("files") if isinstance(fit, Mapping) else None
    return isinstance(files, list) and any(isinstance(f, Mapping) and f.get("bad") for f in files)


def _problems(card: Card) -> Section:
    blocks: list[Block] = []
    for file in card["fit"]["files"]:
        if file["bad"]:
            skipped = f"{file['file']}: {file['bad']:,} of {file['lines']:,} lines were bad and skipped:"
            blocks += [Text(skipped), Points([(str(example), "") for example in file["examples"]])]
    return Section("Bad lines", blocks)


_LOG: Final[dict[str, Callable[[Card], Section]]] = {
    "Not valid for": _not_valid,
    "Good for": _good,
    "Held-out rows": _held_out,
    "Items that nobody chose": _exposure,
    "Does it behave as the log does?": _distances,
    "What planning is worth": _horizon,
    "Would agents rank the same otherwise?": _sensitivity,
    "How it was made": _made,
    "Bad lines": _problems,
}
