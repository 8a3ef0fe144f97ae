"""Suites: fixed lists of tasks, training seeds and budgets. Built-in ones are JSON files beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leaderboard.files import first_fault, read_model
from leaderboard.schema import LogRef, SpentBudget, Suite, Task, json_hash
from leaderboard.words import suggestion
from recsim_envs.errors import ConfigurationError

_FOLDER = Path(__file__).parent


def builtin_suites() -> dict[str, Suite]:
    """The suites in the package, by name."""
    return {p.stem: read_model(p, Suite, ConfigurationError) for p in sorted(_FOLDER.glob("*.json"))}


def load_suite(name_or_file: str | Path) -> Suite:
    """A built-in suite by name, or a JSON file (recognised by its ending .json).

    Raises `ConfigurationError` with the nearest name, or with the faulty field of the file. A file must not
    take the name of a built-in suite for something else, because seeds derive from suite names.
    """
    builtin = builtin_suites()
    text = str(name_or_file)
    if not text.endswith(".json"):
        if text not in builtin:
            raise ConfigurationError(f"suite {text!r} does not exist{suggestion(text, list(builtin))}")
        return builtin[text]
    suite = read_model(Path(text), Suite, ConfigurationError)
    known = builtin.get(suite.name)
    if known is not None and known.hash != suite.hash:
        raise ConfigurationError(f"{text}: field name: {suite.name!r} is a built-in suite; give yours another name")
    return suite


def custom_suite(
    env_id: str,
    *,
    episodes: int = 100,
    training_seeds: tuple[int, ...] = (0, 1, 2),
    track: str = "scarce",
    options: dict[str, Any] | None = None,
    log: LogRef | None = None,
    limit: SpentBudget | None = None,
) -> Suite:
    """A suite of one environment, named custom-<hash8> after its content, so that equal ones share seeds.

    `log` is what agents of track offline learn from, `limit` a budget below the track's.
    """
    facts = {"env_id": env_id, "episodes": episodes, "seeds": training_seeds, "track": track, "options": options or {}}
    later = {"log": log, "limit": limit}  # those that are not given leave names as they were
    facts |= {key: value.model_dump(mode="json") for key, value in later.items() if value is not None}
    try:
        return Suite(
            name=f"custom-{json_hash(facts)[:8]}",
            track=track,  # type: ignore[arg-type]
            limit=limit,
            training_seeds=training_seeds,
            tasks=(Task(env_id=env_id, options=options or {}, episodes=episodes, log=log),),
        )
    except ValidationError as fault:
        raise ConfigurationError(f"cannot make a suite of {env_id!r}: {first_fault(fault)}") from None


def on_track(
    suite: Suite, track: str, *, logs: Sequence[LogRef | None] | None = None, limit: SpentBudget | None = None
) -> Suite:
    """The tasks of a suite on another track or under a smaller budget, with a log for each on track offline.

    Another track makes another suite, with a name and so with test users of its own; the same choice gives the same.
    """
    tasks = [
        {**task.model_dump(), "log": log}
        for task, log in zip(suite.tasks, logs or [None] * len(suite.tasks), strict=True)
    ]
    chosen = suite.model_dump() | {"track": track, "limit": limit, "tasks": tasks}
    try:
        made = Suite.model_validate(chosen)
        if made.hash == suite.hash:
            return suite
        return made.model_copy(update={"name": f"{suite.name[:60]}-{track}-{made.hash[:8]}"})
    except ValidationError as fault:
        raise ConfigurationError(f"suite {suite.name} cannot be on track {track}: {first_fault(fault)}") from None


def part(suite: Suite, *env_ids: str) -> Suite:
    """The tasks of a suite on some environments, for agents that refuse the others: a suite named after both.

    Where the suite's parts are shared, it has the suite's test users, else its own. Raises `ConfigurationError` where
    the suite has no such task.
    """
    known = sorted({task.env_id for task in suite.tasks})
    for env_id in env_ids:
        if env_id not in known:
            raise ConfigurationError(f"suite {suite.name} has no environment {env_id!r}{suggestion(env_id, known)}")
    tasks = tuple(task for task in suite.tasks if task.env_id in env_ids)
    chosen = env_ids[0].rpartition("/")[2] if len(env_ids) == 1 else f"part-{json_hash(sorted(env_ids))[:8]}"
    name = f"{suite.name[:50]}-{chosen[:29]}"
    shared = {"parts": None, "whole": suite} if suite.parts == "shared" else {}
    return suite.model_copy(update={"name": name, "tasks": tasks, **shared})
