"""The command line: every command helps, speaks JSON, fails with one line and exit code 1."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from leaderboard.agents import build_agent, registered_agents
from leaderboard.cli import main
from leaderboard.cli.app import app
from leaderboard.cli.quickstart import GIVEN, KINDS
from leaderboard.traces import read_trace, write_trace
from recsim_envs import registered_ids
from tests.leaderboard.conftest import ENV, HERE

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def longrec(capsys, monkeypatch, tmp_path):
    """Run the command's entry point in an empty folder; what a process would have printed and returned."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["longrec", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        if isinstance(end.value.code, str):  # what the interpreter prints, on its way out with code 1
            return Done(1, out, f"{err}{end.value.code}\n")
        return Done(end.value.code or 0, out, err)

    return run


def commands(group, prefix=()):
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from commands(command, (*prefix, name))
    else:
        yield prefix, group


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_public_names():
    assert {" ".join(name) for name in COMMANDS} == {
        "quickstart", "evaluate", "train", "sweep", "tune", "submit", "verify", "reproduce", "compare", "envs list",
        "study", "envs show", "envs check", "envs measure", "envs pages",
        "agents list", "agents show", "world fetch", "world build", "world card", "world list", "logs list",
        "logs make", "logs show", "ope", "curves compare", "memory show", "memory merge", "memory compact",
        "memory rescue",
        "season commit", "season run", "season reveal", "season check",
        "leaderboard build", "leaderboard show", "leaderboard serve",
        "suites list", "suites show", "suites fix", "suites power", "suites results",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_that_parses(name):
    command = COMMANDS[name]
    examples = [line.strip() for line in command.help.splitlines() if line.strip().startswith("Example:")]
    assert examples, f"{name} has no example"
    words = examples[0].removeprefix("Example:").split()
    assert words[: len(name) + 1] == ["longrec", *name]
    command.make_context(" ".join(name), words[len(name) + 1 :])
    json_option = any("--json" in p.opts for p in command.params)
    assert json_option or name == ("leaderboard", "serve")


def test_help_is_quick():
    """0.2 s on a quiet machine, but half a dozen workers share this one: so what matters is what is imported."""
    script = (
        "import sys; sys.argv = ['longrec', '--help']\n"
        "from leaderboard.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'numpy', 'gymnasium', 'pydantic', 'pyarrow', 'numba', 'torch', 'polars'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "quickstart" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("evaluate", "randon"), "error: agent 'randon' is not registered; did you mean random"),
        (("evaluate", "random", "--suite", "smoke"), "error: suite 'smoke' does not exist; did you mean smoke-v1"),
        (("evaluate", "random", "--env", "longrec/Gmaes-v0"), "is not registered; did you mean longrec/Games-v0"),
        (("evaluate", "random", "--env", "x-v0", "--suite", "smoke-v1"), "suite smoke-v1 has no environment 'x-v0'"),
        (("evaluate", "random", "--episodes", "3"), "--episodes and --option belong to --env"),
        (("evaluate", "random", "-p", "x"), "error: agent parameter 'x' is not of the form key=value"),
        (("evaluate", "random", "-p", "x=1"), "error: agent 'random' has no parameter 'x'"),
        (("verify", "nowhere"), "error: nowhere does not exist; check the path"),
        (("submit", "nowhere"), "error: nowhere is neither the folder of a run"),
        (("submit", "gredy"), "did you mean greedy"),
        (("submit",), "error: name a run or an agent, or give --trace FILE"),
        (("submit", "--trace", "x.csv"), "error: whose actions are they? add --agent-name"),
        (("evaluate", "random", "--step-seconds", "1"), "limit agents in a process of their own; add --isolate"),
        (("evaluate", "command:", "--no-isolate"), "runs outside the harness, whatever is wanted"),
        (("evaluate", "command:true"), "error: the agent did not answer hello: it ended with exit status 0"),
        (("evaluate", "command:no-such-program"), "error: command 'no-such-program' is not there"),
        (("evaluate", "http://host/?token=x"), "where secrets have no place"),
        (("reproduce", "nowhere"), "error: 'nowhere' is no submission, and names none in"),
        (("agents", "show", "gredy"), "did you mean greedy"),
        (("envs", "show", "longrec/Book-v0"), "did you mean longrec/Books-v0"),
        (("envs", "check", "nonsense"), "is not registered"),
        (("world", "card", "gamez"), "error: world 'gamez'"),
        (("leaderboard", "build", "nowhere"), "nowhere does not exist"),
        (("leaderboard", "serve", "nowhere"), "holds no board"),
        (("train", "random", "--env", ENV, "--out", "x"), "has nothing to learn"),
        (
            ("world", "build", "--ratings", "a", "--items", "b", "--out", "c", "--id", "bad id"),
            "must look like longrec/",
        ),
        (
            ("world", "build", "--ratings", "a", "--items", "b", "--out", "c", "--id", "CartPole-v1"),
            "is that of another environment",
        ),
    ],
)
def test_errors_are_one_line(longrec, arguments, text, tmp_path):
    done = longrec(*arguments)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--source", "coat", "--items", "i.csv", "--columns", "user=u"), "--items, --columns belong to --ratings"),
        (("--ratings", "r.csv", "--raw-dir", "."), "--raw-dir belongs to --source"),
        (("--source", "coat", "--ratings", "r.csv"), "pass either --ratings FILE or --source NAME"),
        ((), "pass either --ratings FILE or --source NAME"),
    ],
)
def test_a_world_is_made_of_files_or_of_a_source(longrec, arguments, text):
    done = longrec("world", "build", "--out", "w", *arguments)
    assert done.returncode == 2
    assert text in " ".join(done.stderr.replace("│", " ").split())


def test_from_evaluation_to_board(longrec, world_path, tmp_path):
    """What a user does, one command after the other, on a tiny world; each given twice where it resumes."""
    options = ("--env", ENV, "-o", f"world={world_path}", "--episodes", 8, "--workers", 1, "--json")
    for agent in ("random", f"{HERE}:Learner"):
        first = longrec("evaluate", agent, *options)
        assert first.returncode == 0, first.stderr
        again = longrec("evaluate", agent, *options)
        assert again.stdout == first.stdout
        result = json.loads(first.stdout)
        assert result["rows"][0]["episodes"] == 24
        done = longrec("submit", result["path"], "--to", "subs", "--json")
        assert (tmp_path / json.loads(done.stdout)["path"] / "submission.json").is_file()
    verified = json.loads(longrec("verify", "subs", "--json").stdout)
    assert [line["agent"] for line in verified] == ["Learner", "random"]
    done = longrec("reproduce", verified[0]["path"], "--workers", 1)
    assert done.returncode == 0
    assert "reproduced: 24 episodes" in done.stderr
    built = longrec("leaderboard", "build", "subs", "--out", "board")
    assert built.returncode == 0, built.stderr
    assert "Learner" in built.stdout
    assert {"index.html", "LEADERBOARD.md", "leaderboard.json"} <= {p.name for p in (tmp_path / "board").iterdir()}
    assert "0 of its files are new" in longrec("leaderboard", "build", "subs", "--out", "board").stderr
    shown = json.loads(longrec("leaderboard", "show", "subs", "--json").stdout)
    assert (len(shown["rows"]), shown["reported"], shown["failed"]) == (2, [], {})
    (tmp_path / verified[0]["path"] / "stranger").touch()
    told = longrec("leaderboard", "show", "subs")
    assert told.returncode == 1
    assert f"failed, left out: {verified[0]['path']}" in told.stderr
    assert "Learner" not in told.stdout
    strict = longrec("leaderboard", "build", "subs", "--out", "board", "--strict")
    assert strict.returncode == 1
    assert strict.stderr.startswith("error: ")


def test_a_mismatch_is_one_line(longrec, submission):
    trace, _ = read_trace(submission / "traces.parquet", 100, 10_000)
    actions = trace.actions.copy()
    actions[0] = (actions[0] + 1) % 60
    write_trace(submission / "traces.parquet", replace(trace, actions=actions))
    done = longrec("verify", submission)
    assert done.returncode == 1
    told = f"failed: {submission}: longrec/Games-v0, training seed 0, episode 0, step 0: item"
    assert done.stderr.startswith(told)
    assert done.stderr.splitlines()[1:] == ["1 of 1 did not pass"]


@pytest.mark.parametrize(
    "arguments", [("agents", "list"), ("agents", "show", "random"), ("envs", "list"), ("world", "list")], ids=" ".join
)
def test_lists(longrec, arguments):
    done = longrec(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    json.loads(longrec(*arguments, "--json").stdout)


def test_quickstart_knows_its_agents_by_the_names_they_have():
    assert set(KINDS) <= set(registered_agents())
    assert set(GIVEN) <= set(KINDS)
    assert all(build_agent(name, given) for name, given in GIVEN.items())


def test_quickstart_leaves_out_who_learns_from_logs(longrec, one_task, monkeypatch):
    learner = "tests.leaderboard.log_agents:LogLearner"
    monkeypatch.setattr("leaderboard.cli.quickstart.registered_agents", lambda: {learner: "", "random": ""})
    monkeypatch.setattr("leaderboard.cli.quickstart.load_suite", lambda name: one_task)
    done = longrec("quickstart", "--every", "--out", "q", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert f"left out, as they learn from logs: {learner}; evaluate them with --track offline" in done.stderr
    assert (Path("q") / "submissions" / "random").is_dir()
    (told,) = [line for line in longrec("agents", "show", learner).stdout.splitlines() if "from a log" in line]
    assert told.startswith("trains")


def test_quickstart_leaves_out_what_is_not_installed(longrec, one_task, monkeypatch):
    monkeypatch.setattr("leaderboard.cli.quickstart.registered_agents", lambda: {"a2c": "", "random": ""})
    monkeypatch.setattr("leaderboard.cli.quickstart.load_suite", lambda name: one_task)
    monkeypatch.setitem(sys.modules, "stable_baselines3.a2c", None)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    for module in [m for m in sys.modules if m.startswith("baselines.online")]:
        monkeypatch.delitem(sys.modules, module)
    done = longrec("quickstart", "--every", "--out", "q", "--workers", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert [row["agent"] for row in json.loads(done.stdout)["rows"]] == ["random"]
    assert "left out: agent 'a2c' needs the module 'stable_baselines3" in done.stderr
    assert "pip install 'longrec[all]'" in done.stderr


def test_an_unwritable_out_folder(longrec, tmp_path):
    (tmp_path / "file").touch()
    done = longrec("evaluate", "random", "--out", tmp_path / "file" / "runs")
    assert done.returncode == 1
    assert "error: cannot write to" in done.stderr


@pytest.mark.parametrize("env_id", registered_ids())
def test_every_environment_can_be_shown(longrec, env_id):
    shown = longrec("envs", "show", env_id, "--json")
    assert shown.returncode == 0, shown.stderr
    facts = json.loads(shown.stdout)
    assert facts["id"] == env_id
    assert facts["observations"]
    assert ("items" in facts) != ("candidates drawn anew each step" in facts)


@pytest.mark.parametrize(
    ("env_id", "some"),
    [
        ("longrec/GamesShift-v0", {"shift", "leave_by", "window"}),
        ("longrec/GamesDelayed-v0", {"of", "delay", "leave_by", "window"}),
        ("duopoly_v0", {"harm", "num_users"}),
    ],
)
def test_the_options_shown_are_all_that_make_takes(longrec, env_id, some):
    options = json.loads(longrec("envs", "show", env_id, "--json").stdout)["options"].split(", ")
    assert some <= set(options)
    assert len(options) == len(set(options))
    assert "env_id" not in options


def test_the_pages_are_written_where_one_says(longrec, tmp_path):
    written = json.loads(longrec("envs", "pages", "--out", "pages", "--json").stdout)
    assert sorted(p.name for p in (tmp_path / "pages").iterdir()) == sorted(Path(p).name for p in written)
    (tmp_path / "file").touch()
    done = longrec("envs", "pages", "--out", "file")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "error: cannot write to file" in done.stderr


def test_an_agent_that_does_not_fit_is_told_once(longrec, tmp_path):
    done = longrec("evaluate", "popular", "--env", "longrec/InterestEvolution-v0", "--episodes", 1, "--workers", 1)
    assert done.returncode == 1
    assert done.stderr.startswith("error: popular, longrec/InterestEvolution-v0, training seed 0: PopularAgent chooses")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("env_id", ["longrec/SlateTopKBored-v0", "longrec/InterestEvolution-v0"])
def test_slates_from_evaluation_to_board(longrec, env_id):
    """Slates of items that stay, and of candidates that do not."""
    for agent in ("random", "oracle"):
        done = longrec("evaluate", agent, "--env", env_id, "--episodes", 3, "--workers", 1, "--json")
        assert done.returncode == 0, done.stderr
        done = longrec("submit", json.loads(done.stdout)["path"], "--to", "subs")
        assert done.returncode == 0, done.stderr
    verified = json.loads(longrec("verify", "subs", "--json").stdout)
    assert {line["agent"] for line in verified} == {"random", "oracle"}
    again = longrec("reproduce", verified[1]["path"], "--workers", 1)
    assert "reproduced: 9 episodes" in again.stderr
    assert longrec("leaderboard", "build", "subs", "--out", "board").returncode == 0
    board = json.loads(Path("board/leaderboard.json").read_text())
    assert env_id in json.dumps(board)
