"""`longrec envs`: which environments there are, and whether one keeps the rules."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from leaderboard.cli.output import AsJson, print_facts, print_json, print_table

app = typer.Typer()
EnvId = Annotated[str, typer.Argument(help="A registered environment id.")]


@app.command("list")
def list_envs(json: AsJson = False) -> None:
    """All registered environments, your own worlds too.

    Example:  longrec envs list
    """
    import gymnasium

    from recsim_envs import registered_ids

    found = [(i, gymnasium.registry[i].kwargs) for i in registered_ids()]
    if json:
        print_json([{"id": i, "options": options} for i, options in found])
        return
    print_table(
        "registered environments",
        ["id", "family", "world"],
        [[i, str(k.get("family", "")), str(k.get("world", ""))] for i, k in found],
    )


@app.command()
def show(env_id: EnvId, json: AsJson = False) -> None:
    """One environment: sizes, constants and options.

    Example:  longrec envs show longrec/Games-v0
    """
    from recsim_envs import make_simulator

    simulator = make_simulator(env_id, 1)
    task, hidden = simulator.task, simulator.hidden()
    world = hidden.pop("world")
    options = {
        p.name: p.default for p in inspect.signature(type(simulator)).parameters.values() if p.default is not p.empty
    }
    facts: dict[str, Any] = {
        "id": env_id,
        "domain": task.domain,
        "items": task.catalogue.num_items,
        "categories": len(task.catalogue.category_names),
        "users": f"{len(world.users('train'))} train, {len(world.users('test'))} test",
        "world": f"{world.info.name} {world.hash}",
        "rewards": list(task.reward_range),
        "protocol": task.protocol,
        **{k: v for k, v in hidden.items() if isinstance(v, int | float)},
        "observations": {k: f"{s.dtype} {s.shape}" for k, s in task.observation_space.spaces.items()},
        "options": ", ".join(name for name in options if name != "env_id"),
    }
    if json:
        print_json(facts)
    else:
        print_facts(facts)


@app.command()
def check(env_id: EnvId, json: AsJson = False) -> None:
    """Check an environment: Gymnasium's and SB3's checkers, vector equal to scalar. Exit code 1 if it fails.

    A checker that is not installed is skipped.

    Example:  longrec envs check longrec/Games-v0
    """
    from recsim_envs.check import check_environment

    findings = check_environment(env_id)
    if json:
        print_json([f._asdict() for f in findings])
    else:
        print_table(
            env_id,
            ["check", "", "detail"],
            [[f.check, "skipped" if f.skipped else "ok" if f.ok else "FAILED", f.detail] for f in findings],
        )
    if not all(f.ok for f in findings):
        raise typer.Exit(1)
