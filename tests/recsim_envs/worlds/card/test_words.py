"""Words follow from figures: each rule speaks both ways, and names a figure that is there."""

from __future__ import annotations

import copy

import pytest

from recsim_envs.worlds.card import words
from tests.recsim_envs.worlds.card.made import made_card


def said(card, key):
    return {(x["rule"], x["figure"]) for x in words.verdict(card)[key]}


def changed(path, value):
    card = copy.deepcopy(made_card())
    *way, last = path.split(".")
    part = card
    for name in way:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[last] = value
    return card


CASES = [
    ("personal", "held_out.gains.bias_only.rmse", [0.1, 0.05, 0.2], [0.1, -0.05, 0.2]),
    ("personal", "held_out.gains.bias_only.pairs", [0.1, 0.05, 0.2], [-0.1, -0.2, 0.0]),
    ("calibration", "held_out.predictors.rewards.calibration_error", [0.1, 0, 0.2], [0.3, 0.2, 0.4]),
    ("ratings", "distances.ratings.distance.same_pairs.tv", 0.15, 0.16),
    ("popularity", "distances.popularity.distance", 0.15, 0.16),
    ("categories", "distances.categories.distance", 0.15, 0.16),
    ("lengths", "distances.lengths.distance.ks", 0.2, 0.21),
    ("planning", "horizon.gap", [0.2, 0.1, 0.3], [0.19, 0.1, 0.3]),
    ("planning", "horizon.no_repeat.gap", [0.2, 0.1, 0.3], [0.19, 0.1, 0.3]),
    ("exposure", "exposure.drop.model.rmse", [0.001, 0.0005, 0.1], [0.5, 0.4, 0.6]),
]


@pytest.mark.parametrize(("rule", "path", "good", "bad"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_each_rule_speaks_for_and_against(rule, path, good, bad):
    card = changed(path, good)
    assert (rule, path) in said(card, "good_for")
    assert (rule, path) not in said(card, "not_valid_for")
    card = changed(path, bad)
    assert (rule, path) in said(card, "not_valid_for")
    assert (rule, path) not in said(card, "good_for")


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("second-best", "held_out.gains.mf.rmse", [-0.1, -0.2, -0.05]),
        ("reads", "sizes.sequential", True),
        ("implicit", "fit.implicit", True),
        ("negative", "sizes.reward_range", [-2.0, 2.0]),
        ("few-users", "held_out.users", 99),
        ("few-users", "sizes.test_users", 99),
        ("part-of-catalogue", "sizes.items_played", 10),
        ("popularity", "distances.popularity", {"known": False, "why": "nothing is liked"}),
        ("lengths", "distances.lengths", {"known": False, "why": "the log has no times"}),
        ("lengths", "fit.departure", "quantile"),
        ("personal", "held_out.gains.bias_only.pairs", [None, None, None]),
        ("planning", "horizon.gap", [None, None, None]),
        ("exposure", "exposure", {"known": False}),
    ],
)
def test_what_speaks_only_against(rule, path, value):
    card = changed(path, value)
    assert rule in {name for name, _ in said(card, "not_valid_for")}
    assert rule not in {name for name, figure in said(card, "good_for") if figure.startswith(path)}


def test_rankings_are_told_where_they_fall():
    card = copy.deepcopy(made_card())
    for row in card["sensitivity"]["settings"]:
        row["tau"] = [0.9, 0.8, 1.0]
    assert ("sensitivity", "sensitivity.lowest.tau") in said(card, "good_for")
    card["sensitivity"]["settings"][1]["tau"] = [0.5, 0.4, 0.6]
    against = {x["rule"]: x["text"] for x in words.verdict(card)["not_valid_for"]}
    assert f"{card['sensitivity']['settings'][1]['name']} (0.50)" in against["sensitivity"]
    card["sensitivity"]["settings"] = [x for x in card["sensitivity"]["settings"] if x["kind"] != "user model"]
    assert "one-model" in {name for name, _ in said(card, "not_valid_for")}


def test_a_better_model_makes_no_better_predictions_where_the_world_pays_worse_ones():
    biases = made_card()["held_out"]["predictors"]["bias_only"]["rmse"][0]
    card = changed("held_out.predictors.rewards.rmse", [biases + 0.1, biases, biases + 0.2])
    path = "held_out.predictors.rewards.rmse"
    assert ("personal", path) in said(card, "not_valid_for")
    assert ("personal", "held_out.gains.bias_only.rmse") not in said(card, "good_for")
    assert ("personal", "held_out.gains.bias_only.pairs") in said(card, "good_for")
    del card["held_out"]["predictors"]["rewards"]
    assert ("personal", "held_out.gains.bias_only.rmse") in said(card, "good_for")


def test_a_test_of_planning_says_what_a_rule_of_thumb_earns():
    card = changed("horizon.gap", [0.5, 0.4, 0.6])
    card["horizon"]["scores"] |= {"rule-staying": [30.0, 29.0, 31.0], "planner": [40.0, 39.0, 41.0]}
    told = {x["figure"]: x["text"] for x in words.verdict(card)["good_for"]}["horizon.gap"]
    assert "the rule of thumb rule-staying earns 75% of the planner's return" in told
    del card["horizon"]["scores"]["rule-staying"]
    told = {x["figure"]: x["text"] for x in words.verdict(card)["good_for"]}["horizon.gap"]
    assert "rule of thumb" not in told


def test_ratings_from_nought_up_are_not_held_against_a_world():
    assert "negative" not in {name for name, _ in said(changed("sizes.reward_range", [0.0, 1.0]), "not_valid_for")}


def test_a_ranking_that_is_undefined_is_no_stable_one():
    card = copy.deepcopy(made_card())
    row = card["sensitivity"]["settings"][1]
    row["tau"] = [None, None, None]
    against = {x["rule"]: x["text"] for x in words.verdict(card)["not_valid_for"]}
    assert f"{row['name']} (undefined)" in against["sensitivity"]


def test_what_this_family_never_models_is_always_said():
    assert {"return-gap", "deterministic"} <= {name for name, _ in said(made_card(), "not_valid_for")}


def test_every_sentence_names_a_figure_of_the_card():
    for sentences in made_card()["verdict"].values():
        for sentence in sentences:
            part = made_card()
            for name in sentence["figure"].split("."):
                part = part[0] if isinstance(part, list) else part
                assert name in part, sentence
                part = part[name]
