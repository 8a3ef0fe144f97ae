"""Which commands there are."""

from __future__ import annotations

import typer

from leaderboard.cli import (
    agents,
    boards,
    checks,
    curves,
    envs,
    memory,
    offline,
    runs,
    season,
    study,
    submit,
    suites,
    sweep,
    training,
    tuning,
    worlds,
)  # fmt: skip

app = typer.Typer(
    name="longrec",
    help="A benchmark for long-term recommendation: environments, agents, submissions anyone can replay, a board.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(runs.quickstart)
app.command()(runs.evaluate)
app.command()(training.train)
app.command()(sweep.sweep)
app.command()(tuning.tune)
app.command()(submit.submit)
app.command()(checks.verify)
app.command()(checks.reproduce)
app.command()(checks.compare)
app.command()(offline.ope)
app.command()(study.study)
for name, group, text in (
    ("envs", envs.app, "Environments: list, show, check, measure, pages."),
    ("agents", agents.app, "Agents: list, show."),
    ("world", worlds.app, "Worlds: fetch data, build one from a log, look at its card, list them."),
    ("curves", curves.app, "Learning curves that were made: compare them."),
    ("suites", suites.app, "Suites: list, show, fix, and what they can tell apart."),
    ("logs", offline.app, "Offline logs of behaviour policies: list, make, show."),
    ("memory", memory.app, "What an agent has learnt: show, merge, compact, rescue."),
    ("season", season.app, "Rounds on hidden seeds: commit, run, reveal, check."),
    ("leaderboard", boards.app, "The board: build it from submissions, look at it."),
):
    app.add_typer(group, name=name, help=text, no_args_is_help=True)
