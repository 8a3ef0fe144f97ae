"""The pages of the families say what the code says: options and defaults, observations, why sessions end."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

import gymnasium
import numpy as np
import pytest

from recsim_envs import make_simulator
from recsim_envs.families import FAMILIES
from recsim_envs.families.options import own_options
from recsim_envs.ids import builtin_ids
from recsim_envs.pages import family_text
from recsim_envs.policies import random_actions

OF_FACES = {"render_mode", "autoreset_mode"}  # of gymnasium.make and make_vec, not of the simulator
LAYERS = {"feedback"}  # whose spaces and ends are those of another family


def section(page: str, heading: str) -> str:
    return page.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> dict[str, list[str]]:
    """Table rows by the names in their first cell; a row may name several."""
    cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    return {name: row for row in cells for name in re.findall(r"`(\w+)`", row[0])}


def classes() -> dict[str, type]:
    found = {}
    for name, target in FAMILIES.items():
        module, _, attribute = target.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


def page_of(simulator: type) -> str:
    return importlib.import_module(simulator.__module__.rpartition(".")[0]).__doc__


def keyword_only(simulator: type) -> dict[str, object]:
    """Options and defaults of a constructor and of the bases that it passes others on to."""
    constructors = [vars(cls)["__init__"] for cls in reversed(simulator.__mro__) if "__init__" in vars(cls)]
    found = [p for c in constructors if c is not object.__init__ for p in inspect.signature(c).parameters.values()]
    return {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY and p.name in own_options(simulator)}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_of_arguments_lists_the_options_of_the_constructor(name):
    simulator = classes()[name]
    table = rows(section(page_of(simulator), "Arguments"))
    sharing = [cls for cls in classes().values() if page_of(cls) == page_of(simulator)]
    known = {option for cls in sharing for option in own_options(cls)}
    assert set(table) - OF_FACES == known - {"env_id"}


@pytest.mark.parametrize("name", FAMILIES)
def test_defaults_in_the_table_are_those_of_the_constructor(name):
    table = rows(section(page_of(classes()[name]), "Arguments"))
    for option, default in keyword_only(classes()[name]).items():
        if option == "env_id":
            continue
        shown = table[option][1].strip("`")
        literal = re.match(r'"[^"]*"|-?\d+\.?\d*$|-?\d+\.?\d*(?= \()|True|False|None', shown)
        if literal is None:  # "of the world", "20 slates a day": in words, where the code works it out
            assert default in (None, inspect.Parameter.empty) or shown.startswith("by id"), (option, shown)
        elif default is not None or shown == "None":
            assert ast.literal_eval(literal[0]) == default, (option, shown, default)


def shape_of(text: str, simulator) -> tuple[int, ...]:
    task, sizes = simulator.task, dict(simulator.constants())
    sizes |= {"slate_size": task.slate_size or 1, "num_items": task.catalogue.num_items}
    return tuple(int(sizes.get(size, size)) for size in re.findall(r"\w+", text))


@pytest.mark.parametrize("env_id", builtin_ids())
def test_the_table_of_observations_is_the_space(env_id):
    simulator = make_simulator(env_id, 1)
    page, space = family_text(env_id), simulator.task.observation_space
    if gymnasium.registry[env_id].kwargs["family"] in LAYERS:
        assert not rows(section(page, "Observation space"))
        return
    table = rows(section(page, "Observation space"))
    assert set(table) == set(space)
    for key, row in table.items():
        dtype, shape = re.search(r"\b(?:int|float)\d+", " ".join(row[1:3])), re.search(r"\([^)]*\)", " ".join(row[1:3]))
        assert shape_of(shape[0], simulator) == space[key].shape, key
        if dtype is None:  # where all are alike, the sentence above the table says so
            dtype = re.search(r"`Dict` of (\w+) boxes", section(page, "Observation space"))
            assert str(space[key].dtype) == dtype[1], key
        else:
            assert str(space[key].dtype) == dtype[0], key


@pytest.mark.parametrize("env_id", builtin_ids())
def test_why_sessions_end_is_on_the_page(env_id):
    lanes = 64
    simulator, keys = make_simulator(env_id, lanes), np.arange(lanes, dtype=np.uint64)
    simulator.begin(np.arange(lanes), keys)
    step = 0
    while not simulator.over.all():
        simulator.step(random_actions(simulator, keys, step))
        step += 1
    inner = getattr(simulator, "inner", simulator)
    told = section(page_of(type(inner)), "Episode end")
    for cause in set(simulator.causes()):
        assert re.search(rf'[`"]{cause}[`"]', told), f"{cause} is not on the page"
