"""`longrec agents`: which agents there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from leaderboard.cli.output import AsJson, print_facts, print_json, print_table

if TYPE_CHECKING:
    from leaderboard.agents import AgentInfo

app = typer.Typer()


@app.command("list")
def list_agents(json: AsJson = False) -> None:
    """All registered agents, those of other packages too.

    Example:  longrec agents list
    """
    from leaderboard.agents import describe_agent, registered_agents

    infos = [describe_agent(name) for name in registered_agents()]
    if json:
        print_json([asdict(info) for info in infos])
        return
    print_table(
        "registered agents",
        ["agent", "trains", "what it does"],
        [[i.name, _trains(i, ""), i.fault or i.summary] for i in infos],
    )


@app.command()
def show(
    agent: Annotated[str, typer.Argument(help="A registered agent or module:Class.")],
    json: AsJson = False,
) -> None:
    """One agent: what it does and its parameters.

    Example:  longrec agents show billp
    """
    from leaderboard.agents import describe_agent
    from recsim_envs.errors import AgentError

    info = describe_agent(agent)
    if info.fault:
        raise AgentError(info.fault)
    if json:
        print_json(asdict(info))
        return
    print_facts(
        {
            "agent": info.name,
            "class": info.entry_point,
            "what it does": info.summary,
            "trains": _trains(info, "no"),
            "hidden state": "reads it: a yardstick, no recommender" if info.privileged else "never sees it",
            **{f"-p {key}": repr(value) for key, value in (info.parameters or {}).items()},
        }
    )


def _trains(info: AgentInfo, no: str) -> str:
    return "from a log" if info.trains and info.learns_from_log else "yes" if info.trains else no
