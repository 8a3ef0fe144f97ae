"""`longrec envs`: which environments there are, and whether one keeps the rules."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.cli.output import AsJson, Options, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from recsim_envs.check import Finding
    from recsim_envs.families.base import Simulator
    from recsim_envs.gap import Gap

app = typer.Typer()
EnvId = Annotated[str, typer.Argument(help="A registered environment id.")]


@app.command("list")
def list_envs(json: AsJson = False) -> None:
    """All registered environments, your own worlds too.

    Example:  longrec envs list
    """
    import gymnasium

    from recsim_envs import registered_ids
    from recsim_envs.markets import registered_markets
    from recsim_envs.measured import measured

    found = [(i, dict(gymnasium.registry[i].kwargs)) for i in registered_ids()]
    found += [(name, {"family": "market"}) for name in registered_markets()]
    if json:
        gaps = {i: measured(i) for i, _ in found}
        print_json([{"id": i, "options": options} | _told(gaps[i]) for i, options in found])
        return
    print_table(
        "registered environments: Gymnasium ids, then PettingZoo modules",
        ["id", "gap", "", "family", "options"],
        [
            [
                i,
                f"{gap.gap.value:.0%}" if (gap := measured(i)) else "",
                "" if gap is None else "ranked" if gap.ranked else "not ranked",
                str(options.pop("family", "")),
                ", ".join(f"{k}={v}" for k, v in options.items()),
            ]
            for i, options in found
        ],
        figures=1,
    )


def _told(gap: Gap | None) -> dict[str, Any]:
    return {"gap": gap and gap.gap._asdict(), "ranked": gap and gap.ranked}


@app.command()
def show(env_id: EnvId, json: AsJson = False) -> None:
    """One environment: sizes, constants, the data behind it, and options.

    Example:  longrec envs show longrec/Games-v0
    """
    from recsim_envs import make_simulator
    from recsim_envs.markets import registered_markets

    facts = _market(env_id) if env_id in registered_markets() else _simulator(make_simulator(env_id, 1), env_id)
    if json:
        print_json(facts)
    else:
        print_facts(facts)


def _market(name: str) -> dict[str, Any]:
    from recsim_envs.families.options import own_options
    from recsim_envs.markets import make_market

    spec = (market := make_market(name, 1)).spec
    return {
        "module": f"recsim_envs.{name}",
        "agents": spec.num_agents,
        "actions of an agent": spec.num_actions,
        "observation of an agent": ", ".join(spec.fields),
        "rewards": list(spec.reward_range),
        "shared reward": spec.shared_reward,
        "horizon": spec.horizon,
        **market.constants(),
        "options": ", ".join(own_options(type(market))),
    }


def _simulator(simulator: Simulator, env_id: str) -> dict[str, Any]:
    task = simulator.task
    name, sha256 = simulator.provenance()
    return {
        "id": env_id,
        "domain": task.domain,
        "candidates drawn anew each step" if task.candidates else "items": task.catalogue.num_items,
        "shown a step": task.slate_size or 1,
        "categories": len(task.catalogue.category_names),
        "data": "none" if name == "none" else f"{name} {sha256}",
        "rewards": [bound if math.isfinite(bound) else None for bound in task.reward_range],
        "leaving step earns": simulator.leaving_earns,
        "protocol": task.protocol,
        "horizon": task.horizon,
        **simulator.constants(),
        "observations": {k: f"{s.dtype} {s.shape}" for k, s in task.observation_space.spaces.items()},
        "options": ", ".join(_options(simulator)),
    }


def _options(simulator: Simulator) -> list[str]:
    """Options of `gymnasium.make`; those of a layer, and then those of the family that it stands on."""
    from recsim_envs.families.options import own_options

    own = [name for name in own_options(type(simulator)) if name != "env_id"]
    inner = getattr(simulator, "inner", None)
    return own if inner is None else own + [name for name in _options(inner) if name not in own]


@app.command()
def check(
    env_id: EnvId,
    json: AsJson = False,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out speed and horizon gap.")] = False,
) -> None:
    """Run the conformance suite on an environment, and print a report to paste. Exit code 1 if a check fails.

    The checkers of Gymnasium and SB3 (or PettingZoo), the same bits in every face, process and batch order, seeds,
    spaces, refusals, hidden state, speed, and the horizon gap. A checker that is not installed is skipped.

    Example:  longrec envs check longrec/Games-v0
    """
    from recsim_envs.check import check_environment

    findings = []
    for finding in check_environment(env_id, fast=fast):
        findings.append(finding)
        say(f"{_mark(finding):8s}{finding.check}")
    if json:
        print_json([f._asdict() for f in findings])
    else:
        print_table(env_id, ["check", "", "detail"], [[f.check, _mark(f), f.detail] for f in findings])
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


def _mark(finding: Finding) -> str:
    return "skipped" if finding.skipped else "ok" if finding.ok else "FAILED"


@app.command()
def measure(
    env_ids: Annotated[list[str] | None, typer.Argument(help="Registered ids; by default all of the package.")] = None,
    episodes: Annotated[int, typer.Option(min=10, help="Sessions of test users.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Which sessions.")] = 0,
    option: Options = None,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the package, for its pages.")] = False,
    json: AsJson = False,
) -> None:
    """Measure the horizon gap: what planning earns over the best policy that does not plan, on the true user model.

    Example:  longrec envs measure longrec/Games-v0 --episodes 1000
    """
    from leaderboard.agents import parse_parameters
    from recsim_envs import make_simulator
    from recsim_envs.errors import ConfigurationError
    from recsim_envs.gap import horizon_gap
    from recsim_envs.ids import builtin_ids
    from recsim_envs.markets import registered_markets
    from recsim_envs.markets.gap import market_gap
    from recsim_envs.measured import record

    options = parse_parameters(option or [], "option")
    if write and options:
        raise ConfigurationError("--write is for the ids as they are registered; leave --option out")
    chosen = env_ids or [*builtin_ids(), *registered_markets()]
    for env_id in chosen:  # all of them before any work is done
        if env_id not in registered_markets():
            make_simulator(env_id, 1, **options)
    gaps = []
    for env_id in chosen:
        measure_one = market_gap if env_id in registered_markets() else horizon_gap
        gaps.append(measure_one(env_id, episodes=episodes, seed=seed, progress=partial(_tell, env_id), **options))
        if write:
            record(gaps[-1])
    if json:
        print_json([g.to_json() | {"ranked": g.ranked} for g in gaps])
        return
    _print_gaps(gaps, episodes)


def _print_gaps(gaps: list[Gap], episodes: int) -> None:
    """One line an environment; of its rules of thumb the best."""
    from recsim_envs.pages import POLICIES

    names = [n for n in POLICIES if not n.startswith("rule-") and any(n in g.scores for g in gaps)]
    lines = []
    for g in gaps:
        rules = [score.value for name, score in g.scores.items() if name.startswith("rule-")]
        figures = [f"{g.scores[n].value:.4g}" if n in g.scores else "" for n in names]
        gap = [f"{g.gap.value:.1%}", f"{g.gap.low:.1%} to {g.gap.high:.1%}", "ranked" if g.ranked else "not ranked"]
        lines.append([g.env_id, *figures, f"{max(rules):.4g}" if rules else "", *gap])
    print_table(
        f"returns a session, {episodes} sessions of test users, and the horizon gap",
        ["id", *names, "rule of thumb", "gap", "95 %", ""],
        lines,
        figures=len(names) + 2,
    )


def _tell(env_id: str, policy: str) -> None:
    say(f"{env_id}: {policy}")


@app.command()
def pages(
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("docs/environments"), json: AsJson = False
) -> None:
    """Write the documentation page of every environment from its docstring and its measured figures.

    Example:  longrec envs pages --out docs/environments
    """
    from leaderboard.files import atomic_path
    from recsim_envs.pages import all_pages

    written = all_pages()
    for name, text in written.items():
        with atomic_path(out / name) as scratch:
            scratch.write_text(text, "utf-8")
    if json:
        print_json([str(out / name) for name in written])
    else:
        say(f"{out}: {len(written)} pages")
