"""What a world is good for and what it is not valid for: sentences that follow from the card's figures by fixed rules.

A rule looks at one figure of the card and speaks for or against a use, or says nothing. Every sentence names its
figure by its path in the card, so that a reader can look it up and a test can contradict it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from recsim_envs.gap import PLANNER, RANKED_FROM
from recsim_envs.worlds.card.exposure import exposure_words
from recsim_envs.worlds.card.heldout import MODEL, REWARDS

FAR_RATINGS: Final = 0.15  # total variation of rating levels on the same pairs
FAR_MIX: Final = 0.15  # of categories; largest difference of two share curves
FAR_LENGTHS: Final = 0.2  # Kolmogorov-Smirnov distance of session lengths
MISCALIBRATED: Final = 0.05  # share of the range of rewards
STABLE: Final = 0.8  # Kendall's tau-b
WORSE_AT_RANDOM: Final = 0.1  # rise of the RMSE, as a share of it
FEW_USERS: Final = 100  # users behind an interval

Card = Mapping[str, Any]


class Sentence(NamedTuple):
    """What a rule says: for a use or against it, in words, and of which figure."""

    rule: str
    good: bool
    text: str
    figure: str


Rule = Callable[[Card], Iterator[Sentence]]


def verdict(card: Card) -> dict[str, list[dict[str, str]]]:
    """The sentences of all rules under "not_valid_for" and "good_for", each with its rule and its figure's path.

    The card is the plain JSON that is kept, so that sentences say the figures that tables show, to the last digit.
    """
    said = [sentence for rule in RULES for sentence in rule(card)]
    return {
        key: [{"rule": s.rule, "text": s.text, "figure": s.figure} for s in said if s.good == good]
        for key, good in (("not_valid_for", False), ("good_for", True))
    }


def _personal(card: Card) -> Iterator[Sentence]:
    gains = card["held_out"]["gains"].get("bias_only")
    if gains is None:
        return
    for key, use, what in (
        ("rmse", "Personal predictions", "the model's RMSE is {} below that of user and item biases alone"),
        ("pairs", "Personal rankings", "the model puts {} more of a user's pairs in order than biases alone"),
    ):
        path, (_, lowest, highest) = f"held_out.gains.bias_only.{key}", gains[key]
        if lowest is None:
            yield Sentence("personal", False, f"{use}: no user has held-out rows of different values to compare.", path)
            continue
        measured = "on held-out rows " + what.format(_percent(gains[key]) if key == "pairs" else _interval(gains[key]))
        if lowest > 0 and key == "rmse" and (spoilt := _paid_worse(card)):
            yield Sentence("personal", False, f"{use}: {measured}, {spoilt}.", "held_out.predictors.rewards.rmse")
        elif lowest > 0:
            yield Sentence("personal", True, f"{use}: {measured}.", path)
        else:
            told = "so it is worse" if highest < 0 else "which is no gain beyond chance"
            yield Sentence("personal", False, f"{use}: {measured}, {told}.", path)


def _paid_worse(card: Card) -> str:
    """That the map to rewards costs more than the model gains, where it does: a world pays rewards, not predictions."""
    predictors = card["held_out"]["predictors"]
    if REWARDS not in predictors:
        return ""
    paid, biases = (predictors[name]["rmse"][0] for name in (REWARDS, "bias_only"))
    return f"but that of the rewards as the world pays them is {paid:.3f}, above {biases:.3f}" if paid > biases else ""


def _reads(card: Card) -> Iterator[Sentence]:
    if card["sizes"].get("sequential"):
        text = (
            "Predictions for users whose latest ratings are unknown: on held-out rows the model reads what the user "
            "gave just before, other held-out rows among it; biases and matrix factorisation read none of them."
        )
        yield Sentence("reads", False, text, "sizes.sequential")


def _second_best(card: Card) -> Iterator[Sentence]:
    gains = card["held_out"]["gains"].get("mf")
    if gains and gains["rmse"][2] < 0:
        loss = [-gains["rmse"][k] for k in (0, 2, 1)]
        text = f"The best that these data allow: the RMSE of matrix factorisation is {_interval(loss)} lower."
        yield Sentence("second-best", False, text, "held_out.gains.mf.rmse")


def _calibrated(card: Card) -> Iterator[Sentence]:
    predictors, (low, high) = card["held_out"]["predictors"], card["sizes"]["reward_range"]
    name = REWARDS if REWARDS in predictors else MODEL
    error, raw = (predictors[n]["calibration_error"][0] for n in (name, MODEL))
    path, share = f"held_out.predictors.{name}.calibration_error", error / (high - low)
    measured = f"predicted and observed means differ by {error:.3f} on average, {share:.1%} of the range"
    if error > raw and f"{error:.3f}" != f"{raw:.3f}":
        measured += f"; {raw:.3f} before predictions were mapped to rewards"
    if share > MISCALIBRATED:
        yield Sentence("calibration", False, f"How satisfied one user is with one item: {measured}.", path)
    else:
        yield Sentence("calibration", True, f"Mean rewards on the scale of the log: {measured}.", path)


def _implicit(card: Card) -> Iterator[Sentence]:
    if card["fit"].get("implicit"):
        text = "What people dislike: the log only says what happened, and its zeros were drawn from all that did not."
        yield Sentence("implicit", False, text, "fit.implicit")


def _negative(card: Card) -> Iterator[Sentence]:
    low, high = card["sizes"]["reward_range"]
    if low < 0:
        text = f"rewards go from {low:g} to {high:g}, so that one who stays may earn less than one who leaves"
        yield Sentence("negative", False, f"Returns as a measure of engagement: {text}.", "sizes.reward_range")


def _ratings(card: Card) -> Iterator[Sentence]:
    distance = card["distances"]["ratings"]["distance"]["same_pairs"]["tv"]
    path = "distances.ratings.distance.same_pairs.tv"
    measured = f"on the same pairs {distance:.0%} of the ratings would have to move to another level"
    if distance > FAR_RATINGS:
        yield Sentence("ratings", False, f"How often extreme ratings occur: {measured}.", path)
    else:
        yield Sentence("ratings", True, f"Shares of rating levels: {measured}.", path)


def _mix(card: Card) -> Iterator[Sentence]:
    for key, use, unit in (
        ("popularity", "Concentration on popular items", "the shares of likes that top items hold differ by up to"),
        ("categories", "Which categories are liked", "the shares of categories among likes differ by"),
    ):
        found = card["distances"][key]
        if not found["known"]:
            text = f"{use}: {found['why']}."
            yield Sentence(key, False, text, f"distances.{key}.known")
            continue
        near = found["distance"] <= FAR_MIX
        text = f"{use}: {unit} {found['distance']:.0%} between the log and simulated sessions."
        yield Sentence(key, near, text, f"distances.{key}.distance")


def _lengths(card: Card) -> Iterator[Sentence]:
    found, use = card["distances"]["lengths"], "Absolute claims about engagement"
    if not found["known"]:
        text = f"{use}: how long sessions last is assumed; {found['why']}."
        yield Sentence("lengths", False, text, "distances.lengths.known")
        return
    fitted = card["fit"].get("departure") == "fitted"
    how = "fitted to the log" if fitted else "assumed, not fitted"
    ks = found["distance"]["ks"]
    means = f"{found['simulated']['mean']:.1f} steps against {found['log']['mean']:.1f}"
    measured = f"when users leave is {how}, and lengths differ by {ks:.2f} (Kolmogorov-Smirnov; {means})"
    near = fitted and ks <= FAR_LENGTHS
    text = f"Session lengths under a popularity-driven recommender: {measured}." if near else f"{use}: {measured}."
    yield Sentence("lengths", near, text, "distances.lengths.distance.ks")


def _returning(card: Card) -> Iterator[Sentence]:
    gaps = card["distances"]["return_gap"]
    if not gaps["modelled"]:
        text = "Whether and when users come back: a user visits once, and the gap between visits is not modelled."
        yield Sentence("return-gap", False, text, "distances.return_gap.modelled")


def _planning(card: Card) -> Iterator[Sentence]:
    where = {"horizon": "", "horizon.no_repeat": ", where no item may be shown twice (protocol NX_0)"}
    for (path, condition), found in zip(where.items(), (card["horizon"], card["horizon"]["no_repeat"]), strict=True):
        if found is None:
            continue
        if found["gap"][0] is None:
            text = f"A test of planning{condition}: the planner earns nothing, so there is no gap."
            yield Sentence("planning", False, text, f"{path}.gap")
            continue
        measured = f"the horizon gap is {_percent(found['gap'])}, between the planner and {found['best_myopic']}"
        if found["gap"][0] >= RANKED_FROM:
            text = f"Testing whether an agent plans{condition}: {measured}{_by_rule(found)}."
            yield Sentence("planning", True, text, f"{path}.gap")
        else:
            text = f"A test of planning{condition}: {measured}, below {RANKED_FROM:.0%}."
            yield Sentence("planning", False, text, f"{path}.gap")


def _by_rule(found: Card) -> str:
    """How near the best rule of thumb comes to the planner, so that nobody takes its return for foresight."""
    rules = {name: score[0] for name, score in found["scores"].items() if name.startswith("rule-")}
    planned = found["scores"][PLANNER][0]
    if not rules or planned <= 0:
        return ""
    best = max(rules, key=rules.__getitem__)
    return f"; the rule of thumb {best} earns {rules[best] / planned:.0%} of the planner's return"


def _stable(card: Card) -> Iterator[Sentence]:
    others = [row for row in card["sensitivity"]["settings"] if row["kind"] != "default"]
    unstable = [row for row in others if row["tau"][0] is None or row["tau"][0] < STABLE]
    if unstable:
        taus = ["undefined" if row["tau"][0] is None else f"{row['tau'][0]:.2f}" for row in unstable]
        where = ", ".join(f"{row['name']} ({tau})" for row, tau in zip(unstable, taus, strict=True))
        text = f"Rankings of agents apart from the constants and user model as built: Kendall's tau-b falls at {where}."
        yield Sentence("sensitivity", False, text, "sensitivity.settings.tau")
    elif others:
        least = card["sensitivity"]["lowest"]["tau"][0]
        text = f"Ranking agents: Kendall's tau-b is {least:.2f} or more in all of {len(others)} other settings."
        yield Sentence("sensitivity", True, text, "sensitivity.lowest.tau")
    if others and not any(row["kind"] == "user model" for row in others):
        text = "Rankings under another user model: only this one was tried."
        yield Sentence("one-model", False, text, "sensitivity.settings.kind")


def _exposure(card: Card) -> Iterator[Sentence]:
    found, words = card["exposure"], exposure_words(card["exposure"])
    if not found["known"]:
        yield Sentence("exposure", False, f"Items that nobody chose: {_lower(words)}", "exposure.known")
        return
    drop, low, _ = found["drop"]["model"]["rmse"]
    there = found["random"]["predictors"]["model"]["rmse"][0]
    worse = low > 0 and drop > WORSE_AT_RANDOM * (there - drop)
    yield Sentence("exposure", not worse, f"Items that nobody chose: {_lower(words)}", "exposure.drop.model.rmse")


def _few(card: Card) -> Iterator[Sentence]:
    for count, what, path in (
        (card["held_out"]["users"], "users have held-out rows", "held_out.users"),
        (card["sizes"]["test_users"], "users are in the test split", "sizes.test_users"),
    ):
        if count < FEW_USERS:
            yield Sentence("few-users", False, f"Small differences: only {count} {what}.", path)


def _deterministic(card: Card) -> Iterator[Sentence]:
    text = "How moods or noise change a rating: a user in the same state gives an item the same reward every time."
    yield Sentence("deterministic", False, text, "sizes.reward_model")


def _reduced(card: Card) -> Iterator[Sentence]:
    played, whole = card["sizes"]["items_played"], card["sizes"]["items"]
    if played < whole:
        text = f"Gap and rankings on the whole catalogue: they were played on {played:,} of its {whole:,} items."
        yield Sentence("part-of-catalogue", False, text, "sizes.items_played")


RULES: Final[tuple[Rule, ...]] = (
    _personal,
    _reads,
    _second_best,
    _calibrated,
    _implicit,
    _negative,
    _ratings,
    _mix,
    _lengths,
    _returning,
    _planning,
    _stable,
    _exposure,
    _few,
    _deterministic,
    _reduced,
)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _interval(values: Sequence[float]) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def _percent(values: Sequence[float]) -> str:
    return "{:.1%} [{:.1%}, {:.1%}]".format(*values)
