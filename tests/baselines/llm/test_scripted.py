"""How the scripted writer reads the prompts of the baselines."""

from __future__ import annotations

from baselines.llm.desk import Desk
from baselines.llm.visit import Visit
from bilp_agent.llm import Message, Request, load_model
from bilp_agent.views import Answered
from tests.bilp_agent.fakes import task

DESK = Desk(task(), window=10)


def visit_of(history: list[tuple[int, float]], shown: list[tuple[int, float]]) -> Visit:
    return Visit([Answered(*met) for met in history], [[Answered(*met)] for met in shown], length=len(shown))


SHOWN = [(2, 3.0), (3, 4.0)]
VISIT = visit_of([(0, 5.0), (4, 2.0)], SHOWN)


def write(role: str, visit: Visit = VISIT, **values: object) -> str:
    user = DESK.render(f"{role}_user", **DESK.past(visit), **values)
    messages = Message("system", DESK.render(f"{role}_system")), Message("user", user)
    return load_model("scripted").generate([Request(messages)])[0].text


def step(found: list[str], left: int, *reflections: str, visit: Visit = VISIT) -> str:
    return write("react", visit, reflections=reflections, thought="", found=found, calls_left=left)


def test_it_asks_for_categories_then_for_items_then_names_the_best():
    assert step([], 2).endswith("Tool: categories")
    means = ["categories:", "Action 5.00 (1); Puzzle 3.50 (2); Mystery, Thriller & Suspense 3.00 (2)"]
    assert step(means, 1).endswith("Tool: search Action")
    items = [f"- {DESK.option(item, VISIT)}" for item in (1, 6, 3)]  # rated 4.0 and 4.9; the last gave 4
    assert step([*means, "search Action:", *items], 0).endswith('Item: "Eta"')
    assert step([], 0).endswith('Item: "Alpha"')  # nothing was asked: the best known


def test_it_does_what_reflections_say():
    items = ["known:", *(f"- {DESK.option(item, VISIT)}" for item in (3, 2, 7))]
    assert step(items, 0).endswith('Item: "Theta"')
    assert step(items, 0, "Choose new ones with a rating of at least 4.5.").endswith('Item: "Delta"')
    warned = "Do not show the same item again within 1 steps. Choose new ones with a rating of at least 4.5."
    assert step(items, 0, warned).endswith('Item: "Gamma: The Return"')
    assert step([], 2, "Prefer what the user is known to like to new ones.").endswith("Tool: known")


def test_it_searches_where_all_it_knows_was_shown_too_lately():
    warned = "Do not show the same item again within 2 steps. Prefer what the user is known to like to new ones."
    known = ["known:", *(f"- {DESK.option(item, VISIT)}" for item in (2, 3))]  # the last two of this session
    assert step(known, 1, warned).endswith("Tool: search any")
    assert step([*known, "search any:", f"- {DESK.option(6, VISIT)}"], 0, warned).endswith('Item: "Eta"')
    assert step([*known, f"- {DESK.option(0, VISIT)}"], 1, warned).endswith('Item: "Alpha"')
    # It may ask no more: what was liked before the session has rested, and where all was in it nothing has.
    assert step(known, 0, warned).endswith('Item: "Alpha"')
    assert step(known, 0, warned, visit=visit_of([], SHOWN)).endswith('Item: "Delta"')


def lesson(visit: Visit, left: bool, *reflections: str) -> str:
    last = DESK.line(visit.shown[-1])
    return write("reflexion", visit, reflections=reflections, left=left, steps=len(visit.shown), last=last)


def test_it_learns_from_the_end():
    repeat = visit_of([], [(0, 5.0), (1, 4.0), (0, 0.0)])
    assert "again within 3 steps" in lesson(repeat, True)
    assert "again within 5 steps" in lesson(repeat, True, "Do not show the same item again within 5 steps.")
    poor = visit_of([], [(0, 5.0), (4, 0.0)])
    assert "a rating of at least 2." in lesson(poor, True) + "."
    kept = lesson(repeat, False, "Choose new ones with a rating of at least 3.7.")
    assert kept == "Reflection: The user stayed to the end. Choose new ones with a rating of at least 3.7."
