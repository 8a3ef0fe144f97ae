"""The whole card: complete, plain JSON, the same every time, for every reward model and what a log may lack."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from recsim_envs.worlds.card import smaller
from recsim_envs.worlds.card.measure import plain
from recsim_envs.worlds.card.words import verdict
from tests.recsim_envs.worlds.card.made import ITEMS, USERS, card_of, made_card, made_world
from tests.worlds import every_kind


def test_the_card_is_complete_and_plain_json():
    card = made_card()
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert (card["kind"], card["schema_version"]) == ("log", 2)
    assert (card["sizes"]["users"], card["sizes"]["items"]) == (USERS, ITEMS)
    assert set(card["held_out"]["predictors"]) == {"model", "rewards", "mf", "bias_only", "global_mean"}
    assert card["held_out"]["gains"]["bias_only"]["rmse"][1] > 0
    assert card["exposure"]["known"]
    assert card["distances"]["return_gap"]["quantiles"]["0.5"] == pytest.approx(2, abs=1.1)
    assert card["sensitivity"]["sessions"] == 10
    assert card["fit"]["rank"] == 3


def test_the_verdict_is_that_of_the_figures_that_are_kept():
    card = made_card()
    assert verdict(card) == card["verdict"]


def test_users_of_one_held_out_row_leave_no_figure_without_words():
    card = card_of(made_world(), sessions=6, each_user=1)
    assert card["held_out"]["gains"]["bias_only"]["pairs"] == [None, None, None]
    assert "nan" not in json.dumps(card["verdict"]).lower()
    assert "held_out.gains.bias_only.pairs" in {x["figure"] for x in card["verdict"]["not_valid_for"]}


def test_the_same_arguments_give_the_same_card():
    card = card_of(made_world())
    assert card_of(made_world()) == card
    assert card_of(made_world(), seed=1) != card


def test_a_saved_world_has_the_card_of_the_one_in_memory(tmp_path):
    assert card_of(made_world().save(tmp_path / "w"), sessions=6) == card_of(made_world(), sessions=6)


@pytest.mark.parametrize("kind", ["table", "deepfm", "gru", "calibrated"])
def test_every_reward_model_has_a_card(kind):
    card = card_of(every_kind()[kind], sessions=6)
    rules = {x["rule"] for x in card["verdict"]["not_valid_for"]}
    assert "few-users" in rules
    assert ("reads" in rules) == (kind == "gru")


def test_a_log_without_times_or_random_split_says_so():
    card = card_of(made_world(), timed=False, sessions=6)
    assert not card["distances"]["lengths"]["known"]
    assert not card["distances"]["return_gap"]["known"]
    assert card["exposure"] == {"known": False, "words": card["exposure"]["words"]}


def test_progress_is_told_in_order():
    told = []
    card_of(made_world(), sessions=6, progress=lambda *a: told.append(a))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["card: held-out rows", "card: distances", "card: horizon gap", "card: sensitivity"]


def test_large_catalogues_are_played_in_part_and_the_card_says_so(monkeypatch):
    monkeypatch.setattr(smaller, "LARGE", 25)
    card = card_of(made_world(), alternatives={"other": made_world(seed=5)}, sessions=6)
    assert (card["sizes"]["items_played"], card["sizes"]["items"]) == (25, ITEMS)
    assert "part-of-catalogue" in {x["rule"] for x in card["verdict"]["not_valid_for"]}


def test_numbers_are_rounded_and_nothing_is_left_that_json_does_not_know():
    given = {"a": np.float64(0.123456), "b": (np.int64(3), float("nan")), 7: np.array([1e-5 / 3]), "c": np.True_}
    assert plain(given) == {"a": 0.1235, "b": [3, None], "7": [3.333e-06], "c": True}


def test_measuring_needs_no_plots():
    code = (
        "import sys, recsim_envs.worlds.card.measure, recsim_envs.worlds.card\n"
        "print([m for m in ('torch', 'matplotlib', 'polars') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
