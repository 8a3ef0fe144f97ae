"""The retention kernel against its plain-Python reference, its return rules, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsim_envs import rng
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.families import make_family
from recsim_envs.families.actions import split_seeds
from recsim_envs.families.retention import kernel
from recsim_envs.families.retention.parameters import Constants, gap_logits
from tests.recsim_envs.families.retention_reference import Life, hazard, reference_p, reference_return_days

OPTIONS = st.fixed_dictionaries(
    {
        "reward": st.sampled_from(["sessions", "days", "both"]),
        "days": st.integers(2, 40),
        "slate_size": st.integers(1, 7),
        "horizon": st.sampled_from([1, 17, 5000]),
        "reference": st.booleans(),
    }
)


def start(simulator, seeds):
    simulator.begin(np.arange(simulator.num_lanes), np.asarray(seeds, np.uint64))


def random_slates(simulator, t, pool=1000):
    slots = np.arange(simulator.slate_size)
    return rng.below_array(pool, t, np.arange(simulator.num_lanes)[:, None], rng.POLICY, slots)


@settings(max_examples=30, deadline=None)
@given(OPTIONS, st.integers(0, 2**63), st.sampled_from([4, 60, 1000]))
def test_kernel_equals_the_reference(options, seed, pool):
    lanes = 4
    simulator = make_family("retention", lanes, split="all", **options)
    seeds = rng.bits_array(seed, np.arange(lanes), 1)
    start(simulator, seeds)
    hidden = simulator.hidden()
    items = list(zip(*(hidden[name].tolist() for name in ("topics", "quality", "bait")), strict=True))
    rules = {name: options[name] for name in ("days", "horizon", "reward", "reference")}
    lives = [Life(int(s), items, **rules) for s in split_seeds(seeds, "all")]
    for t in range(60):
        over, actions = simulator.over, random_slates(simulator, seed % 1000 + t, pool)
        rewards, terminated, truncated = simulator.step(actions)
        for b, life in enumerate(lives):
            if over[b]:
                assert rewards[b] == 0.0
                assert (terminated[b], truncated[b]) == (life.cause == "churned", life.cause != "churned")
                continue
            assert (rewards[b], terminated[b], truncated[b]) == life.step(actions[b].tolist())
            assert simulator.causes()[b] == life.cause
            assert_same_life(simulator, b, life)


def assert_same_life(simulator, lane, life):
    seen, hidden = simulator.observe_lane(lane), simulator.hidden()
    found = [seen[key].item() for key in ("day", "days_away", "visit", "visit_step")]
    assert found == [life.day, life.gap, life.visit, life.visit_step]
    padded = [(-1, -1, -1)] * 50 + life.shown
    for name, width in (("history", 50), ("slate", simulator.slate_size)):
        for plane, key in enumerate(("items", "clicks", "views")):
            assert seen[f"{name}_{key}"].tolist() == [answer[plane] for answer in padded[-width:]]
    for name in ("trust", "habit", "mood"):
        assert hidden[name][lane] == pytest.approx(getattr(life, name), abs=1e-12)
    assert hidden["interests"][lane] == pytest.approx(life.interest, abs=1e-12)
    assert hidden["satiation"][lane] == pytest.approx(life.satiation, abs=1e-12)


@pytest.mark.parametrize("inclination", [-3.0, -1.0, 0.0, 2.0])
@pytest.mark.parametrize("first", [0, 1])
def test_days_away_follow_the_hazards(inclination, first):
    """Over a fine grid of u every share is exact up to the grid, so nothing here is left to chance."""
    grid = (np.arange(50_000) + 0.5) / 50_000
    found = [kernel.days_away(inclination, first, gap_logits(), u) for u in grid]
    away, expected = 1.0, np.zeros(18)
    for day in range(first, 17):
        expected[day] = away * hazard(day, inclination)
        away -= expected[day]
    expected[17] = away  # never
    assert np.bincount(found, minlength=18) / len(grid) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("effect", [-1.0, -0.07, 0.0, 0.07, 0.8])
def test_the_reference_rule_is_kuaisims(effect):
    grid = (np.arange(50_000) + 0.5) / 50_000
    found = [kernel.reference_days_away(effect, 0.6, u) for u in grid]
    assert set(found) <= set(range(1, 11))
    expected = reference_return_days(reference_p(effect, 0.6))
    assert np.bincount(found, minlength=11)[1:] / len(grid) == pytest.approx(expected, abs=1e-4)


def test_the_mean_return_day_of_the_reference_is_that_of_its_formula():
    """5,000 users, random slates: within 4 standard errors of the formula at the answers that were given.

    (A false alarm has a chance of about 6e-5.) KuaiSim's 2.14 depends on its random layer and its response model.
    """
    simulator = make_family("retention", 5000, reference=True)
    start(simulator, np.arange(5000))
    expected, found = [], []
    for t in range(30):
        rewards, terminated, truncated = simulator.step(random_slates(simulator, t))
        if t % 5 < 4:
            assert not rewards.any()
            continue
        seen, hidden = simulator.observe(), simulator.hidden()
        response = (seen["slate_clicks"] + seen["slate_views"]).mean(axis=1)
        for effect, r in zip(hidden["return_effect"], response, strict=True):
            expected.append(np.dot(np.arange(1, 11), reference_return_days(reference_p(effect, r))))
        found.extend(-10 * rewards)
        assert not terminated.any()
        assert truncated.all() == truncated.any() == (t == 29)
    assert set(simulator.causes()) == {"sessions-end"}
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=4 * np.std(found) / len(found) ** 0.5)
    assert 1.9 < np.mean(found) < 2.6
    assert np.array_equal(hidden["interests"], simulator.state.tastes[:, kernel.NATURE])  # nothing changed the user
    assert not hidden["satiation"].any()


def test_absence_changes_who_returns():
    c = Constants()
    after = {}
    for days in (1, 4, 16):
        mind, tastes = np.array([0.9, 0.8, 0.2, 0.0, 0.0]), np.full((3, 20), 0.5)
        tastes[kernel.INTEREST] = 0.9
        kernel.absence(np.uint64(7), 3, days, c, mind, tastes)
        after[days] = (*mind[:2], tastes[kernel.SATIATION, 0], tastes[kernel.INTEREST].mean())
    assert all(a > b for one, other in ((1, 4), (4, 16)) for a, b in zip(after[one], after[other], strict=True))
    tired, rested = (kernel.click_chance(c, 0.9 - after[d][2], 0.5, 0.1) for d in (1, 16))
    assert rested > tired + 0.15


def test_reward_modes_count_visits_and_days():
    totals = {}
    for reward in ("sessions", "days", "both"):
        simulator = make_family("retention", 50, reward=reward)
        start(simulator, np.arange(50))
        totals[reward], t = np.zeros(50), 0
        days = [{0} for _ in range(50)]
        while not simulator.over.all():
            totals[reward] += simulator.step(random_slates(simulator, t)).rewards
            t += 1
            for seen, day in zip(days, simulator.observe()["day"][:, 0].tolist(), strict=True):
                seen.add(day)
    assert totals["sessions"].tolist() == simulator.observe()["visit"][:, 0].tolist()
    assert totals["days"].tolist() == [len(seen) for seen in days]
    assert np.array_equal(totals["both"], totals["sessions"] + totals["days"])
    assert np.any(totals["sessions"] > totals["days"])


def test_lives_end_by_churn_and_by_the_calendar():
    simulator = make_family("retention", 300)
    start(simulator, np.arange(300))
    t = 0
    while not simulator.over.all():
        _, terminated, truncated = simulator.step(random_slates(simulator, t))
        t += 1
    causes = simulator.causes()
    assert set(causes) == {"churned", "calendar-end"}
    assert np.array_equal(terminated, causes == "churned")
    assert np.array_equal(truncated, causes == "calendar-end")
    assert np.array_equal(simulator.fatigue() == 1.0, terminated)
    assert simulator.causes(np.array([3])).tolist() == [causes[3]]


def test_train_and_test_users_differ_and_ids_tell_them():
    tastes = {}
    for split in ("train", "test", "all"):
        simulator = make_family("retention", 20, split=split)
        start(simulator, np.arange(40, 60))
        tastes[split] = simulator.hidden()["interests"]
        assert simulator.user_ids().tolist() == [s >> 1 for s in range(40, 60)]
    assert not np.isin(tastes["train"], tastes["test"]).any()
    assert not np.isin(tastes["train"], tastes["all"]).any()


@pytest.mark.parametrize("bad", [[1000, 0], [0, -1], [2**40, 0]])
def test_an_item_out_of_range_moves_nothing(bad):
    simulator = make_family("retention", 2, slate_size=2)
    start(simulator, [1, 2])
    before = simulator.observe()
    with pytest.raises(InvalidActionError, match=r"lane 1, step 0: slate .* out of range; items are 0\.\.999"):
        simulator.step(np.array([[3, 4], bad]))
    assert all(np.array_equal(before[key], value) for key, value in simulator.observe().items())


@pytest.mark.parametrize("bad", [np.zeros((2, 5)), np.zeros((2, 4), int), np.zeros(5, int), [[1], [2, 3]], "slate"])
def test_slates_of_the_wrong_kind_are_refused(bad):
    simulator = make_family("retention", 2)
    start(simulator, [1, 2])
    with pytest.raises(InvalidActionError, match="actions must be 2 x 5 integers"):
        simulator.step(bad)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("reward", "visits", "use 'sessions' or 'days' or 'both'"),
        ("reward", None, "reward None does not exist"),
        ("days", 1, "days must be an integer of 2 to 3650"),
        ("days", 2.5, "days must be an integer"),
        ("num_items", 19, "num_items must be an integer of 20 to 100000"),
        ("slate_size", 0, "slate_size must be an integer of 1 to 20"),
        ("slate_size", True, "slate_size must be an integer"),
        ("horizon", 0, "horizon must be an integer of 1 to 100000"),
        ("reference", 1, "reference must be True or False"),
        ("split", "dev", "use 'train', 'test' or 'all'"),
        ("day", 3, "did you mean 'days'"),
    ],
)
def test_options_without_meaning_are_refused(option, value, words):
    with pytest.raises(ConfigurationError, match=words):
        make_family("retention", 1, **{option: value})


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
def test_a_copy_goes_on_alone(clone):
    original = make_family("retention", 4)
    start(original, np.arange(4))
    original.step(random_slates(original, 0))
    copied = clone(original)
    kept = copied.observe()
    results = [original.step(random_slates(original, t)) for t in range(1, 9)]
    assert all(np.array_equal(kept[key], value) for key, value in copied.observe().items())
    for t, result in enumerate(results, 1):
        assert all(np.array_equal(a, b) for a, b in zip(copied.step(random_slates(copied, t)), result, strict=True))
    assert all(np.array_equal(original.observe()[key], value) for key, value in copied.observe().items())


def test_the_catalogue_is_public_as_far_as_it_should_be():
    simulator = make_family("retention", 1)
    catalogue, hidden = simulator.task.catalogue, simulator.hidden()
    assert len(set(catalogue.titles)) == 1000
    assert catalogue.category_names[catalogue.categories(7)[0]] in catalogue.titles[7].lower()
    assert np.corrcoef(catalogue.popularity, hidden["bait"])[0, 1] > 0.8  # clicks praise bait
    assert np.corrcoef(catalogue.mean_reward, hidden["quality"])[0, 1] > 0.3
    assert [s.title for s in simulator.shown(0, np.array([7, 7, 1, 2, 3]))][:2] == [catalogue.titles[7]] * 2
    other = make_family("retention", 1, num_items=20, slate_size=20)
    assert other.provenance() != simulator.provenance() == make_family("retention", 3).provenance()


def test_text_rendering_tells_the_life():
    simulator = make_family("retention", 1, env_id="longrec/Retention-v0")
    start(simulator, [4])
    simulator.step(np.array([[5, 6, 7, 8, 9]]))
    text = simulator.render_ansi(0)
    assert text.startswith("longrec/Retention-v0  day 0, visit 1 after 0 days away, slate 1, running")
    assert simulator.task.catalogue.titles[9] in text.splitlines()[-1]
