"""Agents by name: found, built, described, hashed; every mistake with a suggestion."""

from __future__ import annotations

import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.agents import (
    agent_record,
    build_agent,
    default_parameters,
    describe_agent,
    entry_point_of,
    load_class,
    parse_parameters,
    registered_agents,
    source_hash,
)
from recsim_envs.errors import AgentError, ConfigurationError, LongrecError
from recsim_envs.spec import Agent
from tests.leaderboard.conftest import HERE


@pytest.mark.parametrize("name", sorted(registered_agents()))
def test_every_registered_agent(name):
    info = describe_agent(name)
    assert not info.fault
    assert info.summary.endswith(".")
    assert isinstance(build_agent(name, {}), Agent)
    record = agent_record(name, {})
    assert (record.name, record.privileged, record.trains) == (name, info.privileged, info.trains)


def test_agents_by_class():
    record = agent_record(f"{HERE}:Watcher", {"salt": 3})
    assert record.name == "Watcher"
    assert record.parameters == {"salt": 3}
    assert default_parameters(load_class(f"{HERE}:Watcher")) == {"salt": 0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("randon", "agent 'randon' is not registered; did you mean random"),
        ("zzz", "not registered; known are a2c, act-only"),
        ("nowhere:Agent", "needs the module 'nowhere'; is the module on the path, and spelt right"),
        (f"{HERE}:Nobody", "has no class 'Nobody'; known are "),
        (f"{HERE}:NotAnAgent", "is no subclass of recsim_envs.Agent"),
        ("json:loads", "json is a module of Python itself, which has no agents"),
        (":", "importing"),
    ],
)
def test_agents_that_are_not_there(name, text):
    with pytest.raises(AgentError, match=text):
        load_class(name)


def test_a_module_that_fails_to_import(tmp_path, monkeypatch):
    (tmp_path / "broken_agent.py").write_text("1 / 0")
    (tmp_path / "needs_torch.py").write_text("raise ModuleNotFoundError('x', name='torch')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    with pytest.raises(AgentError, match="importing broken_agent failed: ZeroDivisionError"):
        load_class("broken_agent:X")
    with pytest.raises(AgentError, match=r"needs the module 'torch'; install it with: pip install 'longrec\[all\]'"):
        load_class("needs_torch:X")


def test_parameters_that_do_not_fit():
    with pytest.raises(AgentError, match="has no parameter 'sald'; did you mean salt"):
        build_agent(f"{HERE}:Watcher", {"sald": 1})
    with pytest.raises(AgentError, match="has no parameter 'x'; it has no parameters"):
        build_agent("random", {"x": 1})
    with pytest.raises(AgentError, match="does not accept"):
        build_agent("popular", {"cycle_length": 0})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("repeats=False", "true or false, got 'False'"),
        ("repeats=1", "true or false"),
        ("window=2.5", "a whole number"),
        ("window=true", "a whole number"),
        ("temperature=nan", "a number, got 'nan'"),
        ("model=42", "a text"),
        ("cache=42", "a text"),
        ("window=null", "a whole number"),
    ],
)
def test_values_of_another_type_are_refused(text, told):
    with pytest.raises(AgentError, match=f"agent 'act-only': parameter '{text.split('=')[0]}' takes {told}"):
        build_agent("act-only", parse_parameters([text]))


def test_values_of_the_type_are_taken():
    pairs = ["repeats=false", "window=2", "temperature=1", "model=scripted", "cache=null"]
    assert build_agent("act-only", parse_parameters(pairs))


def test_parameters_from_texts():
    assert parse_parameters(["a=1", "b=x=y", 'c={"d": [1.5]}', "e=", "f=true"]) == {
        "a": 1,
        "b": "x=y",
        "c": {"d": [1.5]},
        "e": "",
        "f": True,
    }
    for bad, text in ((["a"], "not of the form"), (["=1"], "not of the form"), (["a=1", "a=2"], "given twice")):
        with pytest.raises(AgentError, match=text):
            parse_parameters(bad)


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "[1, [NaN]]", "\udc80"])
def test_values_that_cannot_be_stored(value):
    with pytest.raises(ConfigurationError, match=r"option 'threshold' is .*, which cannot be stored; give finite"):
        parse_parameters([f"threshold={value}"], "option")
    assert parse_parameters(['name="NaN"', "deep=" + "[" * 100_000]).keys() == {"name", "deep"}


@pytest.mark.parametrize("name", ["_Hidden", "Ägent"])
def test_names_that_cannot_be_stored(name, monkeypatch):
    monkeypatch.setattr(f"{HERE}.Ägent", load_class(f"{HERE}:Watcher"), raising=False)
    with pytest.raises(AgentError, match="cannot be stored in a submission: field name: "):
        agent_record(f"{HERE}:{name}", {})


def test_modules_and_agents_that_exit(tmp_path, monkeypatch):
    (tmp_path / "exits_at_once.py").write_text("import sys; sys.exit(0)")
    (tmp_path / "exits_later.py").write_text(
        "import sys\nfrom recsim_envs.spec import Agent\nclass X(Agent):\n    def __init__(self):\n        sys.exit(0)"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for module, text in (
        ("exits_at_once", "importing exits_at_once failed: SystemExit"),
        ("exits_later", "not accept"),
    ):
        with pytest.raises(AgentError, match=text):
            build_agent(f"{module}:X", {})


@given(st.lists(st.text(max_size=20), max_size=4))
def test_parameter_texts_give_parameters_or_our_error(texts):
    with contextlib.suppress(LongrecError):
        assert all(key.isidentifier() for key in parse_parameters(texts))


def test_source_hash_follows_the_sources(tmp_path, monkeypatch):
    package = tmp_path / "some_agents"
    (package / "prompts").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "a.py").write_text("x = 1")
    prompt = package / "prompts" / "plan.j2"
    prompt.write_text("Plan.")
    (tmp_path / "lone_agent.py").write_text("y = 1")
    monkeypatch.syspath_prepend(tmp_path)
    first = source_hash("some_agents.a")
    assert source_hash("some_agents") == first
    prompt.write_text("Plan well.")
    assert source_hash("some_agents.a") != first
    assert source_hash("lone_agent") != first
    with pytest.raises(AgentError, match="cannot be found"):
        source_hash("not_a_module_at_all")


def test_entry_points():
    assert entry_point_of("random") == "baselines.simple:RandomAgent"
    assert entry_point_of("a:B") == "a:B"
