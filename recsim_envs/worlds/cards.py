"""Simulator cards as Markdown: how well a world fits what it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from recsim_envs.worlds.world import World

_PREDICTORS: Final = {
    "model": "matrix factorisation",
    "bias_only": "user and item biases",
    "global_mean": "global mean",
}


def card_markdown(world: World) -> str:
    """The card of a world as Markdown. A world without a card says so, and one whose card lacks figures too."""
    info = world.info
    low, high = info.reward_range
    train, test = (len(world.users(split)) for split in ("train", "test"))
    lines = [
        f"# {info.name}",
        "",
        *([info.description, ""] if info.description else []),
        *_table(
            ("", ""),
            [
                ("domain", info.domain),
                ("source", info.source),
                ("licence", info.licence),
                (
                    "users",
                    f"{world.num_users:,} ({train:,} train, {test:,} test)",
                ),
                ("items", f"{world.num_items:,} in {len(info.category_names):,} categories"),
                ("rewards", f"{low:g} to {high:g}, {info.reward_model}"),
                ("users leave", _departure(world)),
                ("hash", f"`{world.hash}`"),
            ],
        ),
    ]
    return "\n".join([*lines, "", *_body(info.card)]) + "\n"


def _body(card: dict[str, Any]) -> list[str]:
    kinds = {"synthetic": _synthetic, "log": _log}
    try:
        return kinds.get(card.get("kind", ""), _none)(card)
    except (LookupError, TypeError, ValueError, AttributeError):  # a world from elsewhere may say anything here
        return ["This world's card is incomplete: how well it fits was not measured, or is written in another way."]


def _departure(world: World) -> str:
    d = world.info.departure
    if d.leave_by == "category":
        return (
            f"when a category of an item occurred more than {d.category_limit} times among the last {d.window} items, "
            f"or its reward is below {d.r_min:g}; horizon {d.horizon}"
        )
    return (
        f"when an item lies nearer than {d.threshold:g} to one of the last {d.window}, or its reward is below "
        f"{d.r_min:g}; horizon {d.horizon}"
    )


def _none(card: dict[str, Any]) -> list[str]:
    return ["This world has no card: nothing is known about how well it fits."]


def _synthetic(card: dict[str, Any]) -> list[str]:
    who = "random" if card["protocol"]["recommender"] == "random" else "competent"
    rows = []
    for name, row in card["facts"].items():
        known = "recorded" in row
        target = f"{row['recorded']:.3f} ± {row['tolerance']:.3f}" if known else ""
        verdict = ("yes" if abs(row["world"] - row["recorded"]) <= row["tolerance"] else "no") if known else ""
        rows.append((name.replace("_", " "), f"{row['world']:.3f}", target, verdict))
    return [
        f"## Facts as a {who} recommender sees them",
        "",
        *_table(("fact", "this world", "recorded", "within tolerance"), rows),
    ]


def _log(card: dict[str, Any]) -> list[str]:
    held, ratings = card["held_out"], card["ratings"]
    errors = [(text, _interval(held[key]["rmse"]), _interval(held[key]["mae"])) for key, text in _PREDICTORS.items()]
    sets = {"observed": "observed", "predicted": "predicted, same pairs", "all_pairs": "predicted, all pairs"}
    shares = [(text, *(f"{x:.3f}" for x in ratings[key])) for key, text in sets.items()]
    return [
        f"## {held['ratings']:,} held-out ratings of {held['users']:,} users",
        "",
        *_table(("predictor", "RMSE (95 %)", "MAE (95 %)"), errors),
        "",
        f"The model's RMSE is {_interval(held['rmse_gain'])} below that of the biases.",
        "",
        "## Distribution of ratings",
        "",
        *_table(("", *(f"{level:g}" for level in ratings["levels"])), shares),
        "",
        f"Total variation distance from the observed: {ratings['distance']['predicted']:.3f} on the same pairs, "
        f"{ratings['distance']['all_pairs']:.3f} over all pairs. Predictions are drawn towards the mean, so extreme "
        "ratings are rarer than in the log.",
        *_problems(card),
    ]


def _problems(card: dict[str, Any]) -> list[str]:
    out = []
    for problems in card["files"]:
        if problems["bad"]:
            out += ["", f"{problems['file']}: {problems['bad']:,} of {problems['lines']:,} lines were bad and skipped:"]
            out += ["", *(f"- {example}" for example in problems["examples"])]
    if card["replaced_ratings"]:
        out += ["", f"{card['replaced_ratings']:,} ratings gave way to a later one of the same user and item."]
    return out


def _interval(values: Sequence[float]) -> str:
    estimate, low, high = values
    return f"{estimate:.3f} [{low:.3f}, {high:.3f}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]
