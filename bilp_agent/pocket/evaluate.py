"""The gate: whether a model learns in context, in worlds that it has never met, and how near its teacher it comes.

    python -m bilp_agent.pocket.evaluate --model pocket:runs/pocket/checkpoint/model --worlds 100 --out runs/gate.jsonl

In each held-out world every variant of the planner learns from the same train users and is tried on the same sessions
of test users, as are agents that do not learn. Worlds are what varies: all differences are paired within a world,
averaged over its sessions and training seeds, and have 95 % intervals of a bootstrap over worlds. Rows are kept as they
come, below a line that says what they are of; the command given again goes on, with more worlds or seeds if asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import gymnasium as gym
import numpy as np
import typer
from gymnasium.vector import AutoresetMode
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bilp_agent.agent import BiLLPAgent
from bilp_agent.llm.registry import load_model
from bilp_agent.pocket.rollouts import Playground
from bilp_agent.pocket.worlds import DEPARTURE, Place, slates_of, world_of
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.files import write_file
from recsim_envs.spec import Agent, Budget, Sessions

SPLIT: Final = "gate"
PLAIN: Final = ("random", "greedy", "greedy-no-repeat")
"""Agents to be better than, found by name among those that are installed."""
WITHOUT: Final = {"no reflections": "use_reflector", "no actor memory": "use_actor_memory", "no critic": "use_critic"}
AFTER: Final = {f"after {sessions} sessions": sessions for sessions in (0, 10, 25, 50)}
"""`full`, trained on no more than so many sessions: with `full` itself its learning curve. Played where named."""


class Family(str, Enum):
    """Families of places: single items that users leave at, slates that bore them."""

    departure = "departure"
    slates = "slates"


@dataclass(frozen=True)
class Outcome:
    """What one agent reached in one world under one training seed: mean return and kept steps of its test sessions.

    unread: share of a language model's answers, in training and test, that had to be asked for again or replaced.
    """

    world: int
    seed: int
    variant: str
    earned: float
    kept: float
    unread: float = 0.0


def variants(model: str) -> dict[str, Callable[[], Agent]]:
    """What is compared: the planner on `model`, less a part, trained less, on the teacher; agents that plan nothing."""
    made: dict[str, Callable[[], Agent]] = {
        "full": lambda: BiLLPAgent(model=model, prompts="compact"),
        "teacher": lambda: BiLLPAgent(model="scripted", prompts="compact"),
    }
    for name, switch in WITHOUT.items():
        off: dict[str, Any] = {switch: False}
        made[name] = partial(BiLLPAgent, model=model, prompts="compact", **off)
    made |= dict.fromkeys(AFTER, made["full"])
    registered = {entry.name: entry for entry in entry_points(group="longrec.agents")}
    return made | {name: registered[name].load() for name in PLAIN if name in registered}


def outcome(
    make: Callable[[], Agent],
    variant: str,
    world: int,
    seed: int,
    train: int,
    test: int,
    *,
    family: str = "departure",
    split: str = SPLIT,
) -> Outcome:
    """Let an agent learn from `train` sessions of a held-out world, and try it on `test` sessions of its test users."""
    place, agent = place_of_family(family, split, world), make()
    playground = Playground(place, Budget(episodes=min(train, AFTER.get(variant, train))))
    if agent.trains:
        agent.train(playground, rng.derive_seed("pocket gate", world, seed) % 2**31)
    earned, kept = play(agent, place, test, rng.derive_seed("pocket gate test", world) % 2**31)
    return Outcome(world, seed, variant, float(earned.mean()), float(kept.mean()), unread(agent))


def unread(agent: Agent) -> float:
    """The share of all answers of its language model that could not be read at once; 0 for an agent without any."""
    facts = agent.describe()
    roles = [shares for part in (facts, facts.get("training", {})) for shares in part.get("answers", {}).values()]
    missed = sum(shares["answers"] * (shares["repaired"] + shares["fallback"]) for shares in roles)
    return float(missed / max(sum(shares["answers"] for shares in roles), 1))


def place_of_family(family: str, split: str, number: int) -> Place:
    """A held-out place: "departure" for single items that users leave at, "slates" for slates that bore them."""
    return slates_of(split, number) if family == "slates" else Place.of(DEPARTURE, {"world": world_of(split, number)})


def play(agent: Agent, place: Place, sessions: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns and kept steps of so many sessions with test users, float64 (sessions,) each, all at once."""
    vector = gym.make_vec(
        place.env_id, num_envs=sessions, split="test", autoreset_mode=AutoresetMode.SAME_STEP, **place.options
    )
    agent.reset(place.task, sessions, seed)
    observations, infos = vector.reset(seed=seed)
    keys = rng.bits_array(rng.derive_seed("pocket gate keys", seed), np.arange(sessions), rng.EPISODE)
    earned, kept, lanes, step = np.zeros(sessions), np.zeros(sessions), np.arange(sessions), 0
    while len(lanes):
        now = Sessions(lanes.copy(), keys[lanes], np.full(len(lanes), step, np.int64))
        actions = np.zeros((sessions, *(vector.single_action_space.shape or ())), np.int64)
        seen = {key: value[lanes] for key, value in observations.items()}
        told = {key: value[lanes] for key, value in infos.items() if key == "action_mask"}
        actions[lanes] = agent.act(seen, told, now)
        observations, rewards, terminated, truncated, infos = vector.step(actions)
        earned[lanes] += rewards[lanes]
        kept[lanes] += ~terminated[lanes]
        lanes, step = lanes[~(terminated | truncated)[lanes]], step + 1
    vector.close()
    return earned, kept


def summary(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Each variant: its means, and `full` less it with 95 % intervals over worlds that both have played.

    A variant that learns is compared in training seeds that `full` has too, so that a run that was stopped early, or
    gave `full` fewer seeds, compares like with like. `PLAIN` ones do not learn: their one outcome stands for all seeds.
    """
    found = list(outcomes)
    rows = []
    for variant in dict.fromkeys(o.variant for o in found):
        for figure in ("earned", "kept"):
            full, other = _paired(found, variant, figure)
            if not len(other):
                continue
            differences = full - other
            low, high = _interval(differences)
            rows.append({
                "variant": variant, "figure": figure, "worlds": len(other),
                "mean": float(other.mean()), "full_less_it": float(differences.mean()), "low": low, "high": high,
                "share": float(full.sum() / max(other.sum(), 1e-9)),
            })  # fmt: skip
    return rows


def _paired(
    outcomes: Iterable[Outcome], variant: str, figure: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """`full` and a variant in each world that both have played, averaged over seeds of both; float64 (worlds,) each."""
    value = {(o.variant, o.world, o.seed): getattr(o, figure) for o in outcomes}
    of_world: dict[int, list[tuple[float, float]]] = {}
    for (name, world, seed), full in sorted(value.items()):
        other = value.get((variant, world, 0 if variant in PLAIN else seed))
        if name == "full" and other is not None:
            of_world.setdefault(world, []).append((full, other))
    means = np.array([np.mean(pairs, axis=0) for pairs in of_world.values()]).reshape(-1, 2)
    return means[:, 0], means[:, 1]


def _interval(values: np.ndarray[Any, Any]) -> tuple[float | None, float | None]:
    """95 % percentile interval of the mean by a bootstrap over worlds; none where there are fewer than two."""
    if len(values) < 2:
        return None, None
    drawn = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def kept_outcomes(file: Path, options: Mapping[str, Any]) -> list[Outcome]:
    """The outcomes that a file holds below its line of options; one that is not there is begun.

    A last line that does not end was being written when the run was killed: it is taken out. Raises `AgentError` for a
    file of other options, and for a line that is no outcome.
    """
    *lines, partial = file.read_text("utf-8", "replace").split("\n") if file.exists() else [""]
    if not lines:
        write_file(file, json.dumps(options) + "\n")
        return []
    if partial:
        write_file(file, "\n".join(lines) + "\n")
    begun = _object(file, 1, lines[0])
    differ = [key for key, value in options.items() if begun.get(key) != value]
    if differ:
        told = ", ".join(f"{key} {begun.get(key)!r} there, {options[key]!r} here" for key in differ)
        raise AgentError(f"{file}: holds outcomes of other options ({told}); give those, or another --out")
    return [_outcome(file, number, line) for number, line in enumerate(lines[1:], 2)]


def _outcome(file: Path, number: int, line: str) -> Outcome:
    found = _object(file, number, line)
    try:
        return Outcome(**found)
    except TypeError as error:
        raise _damaged(file, number, error) from error


def _object(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError(f"no object but {line[:20]!r}")
    except ValueError as error:
        raise _damaged(file, number, error) from error
    return found


def _damaged(file: Path, number: int, error: Exception) -> AgentError:
    remedy = "delete the line, and it is played again" if number > 1 else "give another --out"
    return AgentError(f"{file}: line {number} cannot be read ({error}); {remedy}")


def main(
    model: Annotated[str, typer.Option(help='As for agents: "scripted", "pocket:FOLDER", ...')],
    out: Annotated[Path, typer.Option(help="File of outcomes, one a line; the same again goes on.")],
    family: Annotated[Family, typer.Option(help="What is shown in the held-out worlds.")] = Family.departure,
    worlds: Annotated[int, typer.Option(min=2, help="Held-out worlds.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Training seeds.")] = 3,
    train: Annotated[int, typer.Option(min=1, help="Training sessions of the planner in each world.")] = 30,
    test: Annotated[int, typer.Option(min=1, help="Test sessions in each world.")] = 20,
    only: Annotated[
        list[str] | None,
        typer.Option(help='A variant to compare full with; may repeat. By default all but those "after N sessions".'),
    ] = None,
) -> None:
    """Try a model as the planner's in worlds that it has never met.

    Example:  python -m bilp_agent.pocket.evaluate --model scripted --worlds 10 --out runs/gate-scripted.jsonl
    """
    agents = variants(model)
    if unknown := [name for name in only or () if name not in agents]:
        raise typer.BadParameter(f"no variant is called {unknown[0]!r}; there are {', '.join(agents)}")
    if late := [name for name in only or () if AFTER.get(name, -1) >= train]:
        raise typer.BadParameter(f"{late[0]!r} is no earlier than full, which has --train {train}; raise that")
    done = kept_outcomes(out, {"model": load_model(model).name, "family": family.value, "train": train, "test": test})
    known = {(o.world, o.seed, o.variant) for o in done}
    played = [v for v in agents if (v in ("full", *only) if only else v not in AFTER)]
    wanted = [(w, s, v) for w in range(worlds) for s in range(seeds) for v in played if s == 0 or v not in PLAIN]
    with out.open("a", encoding="utf-8") as file:
        for world, seed, variant in track([key for key in wanted if key not in known], "playing"):
            done.append(outcome(agents[variant], variant, world, seed, train, test, family=family.value))
            file.write(json.dumps(asdict(done[-1])) + "\n")
            file.flush()
    table = _table(model, summary(done))
    missed = np.mean([o.unread for o in done if o.variant == "full"])
    table.caption = f"{missed:.2%} of the answers of full had to be asked for again or replaced"
    Console().print(table)


def _table(model: str, rows: Iterable[Mapping[str, Any]]) -> Table:
    table = Table("variant", "figure", "worlds", "mean", "full less it, 95 %", "full / it", title=model)
    for row in rows:
        range_ = "" if row["low"] is None else f" [{row['low']:+.2f}, {row['high']:+.2f}]"
        less = f"{row['full_less_it']:+.2f}{range_}"
        table.add_row(
            row["variant"], row["figure"], str(row["worlds"]), f"{row['mean']:.2f}", less, f"{row['share']:.2f}"
        )
    return table


if __name__ == "__main__":
    typer.run(main)
