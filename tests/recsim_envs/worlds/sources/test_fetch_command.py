"""The command: what it lists, asks, prints, and tells machines."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.cli import fetch as command
from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.sources import SOURCES
from tests.recsim_envs.worlds.sources import raw

app = typer.Typer()
app.command()(command.fetch)


@pytest.fixture
def run(own_home):
    def invoke(*arguments: object, typed: str | None = None):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)

    return invoke


@pytest.fixture
def terminal(monkeypatch):
    """Somebody sits there."""
    monkeypatch.setattr(command.sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())


@pytest.mark.parametrize("arguments", [(), ("--list",), ("ml-1m", "--list")])
def test_without_a_name_the_data_sets_are_listed(run, arguments):
    found = run(*arguments)
    assert found.exit_code == 0
    assert all(name in found.stdout for name in SOURCES)


def test_the_list_for_machines_has_addresses_and_checksums(run):
    found = {entry["name"]: entry for entry in json.loads(run("--json").stdout)}
    assert list(found) == list(SOURCES)
    assert found["ml-32m"]["files"][0]["checksum"] == "md5:d472be332d4daa821edc399621853b57"
    assert found["coat"]["files"][0]["checksum"] is None
    assert found["yahoo-r3"]["manual"] is True


def test_files_of_ones_own_are_checked_and_the_next_command_is_told(run, tmp_path):
    raw.yahoo(tmp_path)
    found = run("yahoo-r3", "--raw-dir", tmp_path, "--accept-licence")
    assert found.exit_code == 0
    assert "Yahoo Webscope data sharing agreement" in found.stderr
    assert f"lies in {tmp_path}" in found.stderr
    words = (
        f"next: longrec world build --source yahoo-r3 --raw-dir {tmp_path} --out worlds/yahoo-r3 --id mine/YahooR3-v0"
    )
    assert words in found.stderr


def test_machines_get_json_alone(run, tmp_path):
    raw.yahoo(tmp_path)
    found = json.loads(run("yahoo-r3", "--raw-dir", tmp_path, "--accept-licence", "--json").stdout)
    assert found["path"] == str(tmp_path)
    assert "Marlin" in found["cite"]


def test_without_a_terminal_nobody_is_asked(run, tmp_path):
    raw.yahoo(tmp_path)
    found = run("yahoo-r3", "--raw-dir", tmp_path, typed="y\n")
    assert isinstance(found.exception, ConfigurationError)
    assert "--accept-licence" in str(found.exception)


@pytest.mark.parametrize("answer", [True, False])
def test_somebody_at_a_terminal_is_asked_once(run, tmp_path, terminal, monkeypatch, answer):
    raw.yahoo(tmp_path)
    asked = []
    monkeypatch.setattr(command.typer, "confirm", lambda *_, **__: asked.append(1) or answer)
    accept = command.agree(SOURCES["yahoo-r3"])
    assert (accept, len(asked)) == (answer, 1)
    assert not command.agree(SOURCES["yahoo-r3"], may_ask=False)
    assert len(asked) == 1


def test_help_has_an_example(run):
    assert "longrec world fetch ml-1m" in run("--help").stdout
