"""Names of models that are refused before anything is loaded or recorded."""

from __future__ import annotations

import sys

import pytest

from bilp_agent.agent import BiLLPAgent
from leaderboard.agents import agent_record, build_agent
from leaderboard.provenance import configuration
from recsim_envs import make_simulator
from recsim_envs.errors import AgentError, ConfigurationError, LanguageModelError


@pytest.mark.parametrize("agent", ["billp", "billp-plus", "act-only", "reflexion"])
@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("openai:m@http://me:word@host/v1", "holds a name, password or query"),
        ("openai:m@http://:word@host/v1", "holds a name, password or query"),
        ("openai:m@http://host/v1?key=word", "holds a name, password or query"),
        ("openai:m@http://host/v1#word", "holds a name, password or query"),
        ("openai:m@me:word@host/v1", "holds a name, password or query"),
        ("openai:m@localhost:8000/v1", "'localhost:8000/v1' is no URL that begins with http://"),
        ("openai:m@127.0.0.1:8000/v1", "openai:MODEL@http://localhost:8000/v1"),
        ("openai:m@ftp://host/v1", "is no URL that begins"),
        ("openai:m@http:///v1", "is no URL that begins"),
        ("openai:m@http://host:port/v1", "is no URL that begins"),
        ("openai:m@", "lacks its name or, after the @, its URL"),
        ("openai:@http://me:word@host/v1", "lacks its name"),
        ("openai:", "no known form"),
        ("nonsense:x", "no known form"),
    ],
)
def test_an_agent_refuses_them_when_it_is_made(agent: str, model: str, told: str) -> None:
    with pytest.raises(AgentError, match=told) as raised:
        build_agent(agent, {"model": model})
    assert "word@" not in str(raised.value)
    assert "=word" not in str(raised.value)


@pytest.mark.parametrize("agent", ["billp", "act-only"])
@pytest.mark.parametrize(("option", "told"), [("cache", "give cache=FILE"), ("spec", "give model=NAME")])
def test_what_has_a_place_of_its_own_is_no_option_of_the_model(agent: str, option: str, told: str) -> None:
    with pytest.raises(AgentError, match=told):
        build_agent(agent, {"model_options": {option: "answers.sqlite"}})


def test_a_model_that_is_not_there_is_no_fault_of_its_name() -> None:
    assert build_agent("billp", {"model": "openai:m@http://localhost:1/v1"})


@pytest.mark.parametrize(
    ("agent", "parameters", "model", "prompts"),
    [
        ("billp", {}, "pocket", "compact"),
        ("billp", {"model": "pocket:runs/mine"}, "pocket:runs/mine", "compact"),
        ("billp", {"model": "scripted"}, "scripted", "full"),
        ("billp", {"model": "hf:pocket"}, "hf:pocket", "full"),
        ("billp", {"model": "pocket:runs/mine", "prompts": "full"}, "pocket:runs/mine", "full"),
        ("billp", {"model": "scripted", "prompts": "compact"}, "scripted", "compact"),
        ("billp-plus", {}, "scripted", "full"),
        ("billp-plus", {"model": "pocket"}, "pocket", "compact"),
    ],
)
def test_prompts_follow_the_model_unless_they_are_named_and_records_tell(
    agent: str, parameters: dict[str, str], model: str, prompts: str
) -> None:
    told = configuration(agent_record(agent, parameters), None)
    assert (told["model"], told["prompts"]) == (model, prompts)


def test_what_the_default_model_cannot_do_without_is_told_with_a_way_out() -> None:
    with pytest.raises(AgentError, match=r'use prompts="full", and a model that reads them \(-p model=scripted\)'):
        build_agent("billp", {"use_tools": False})
    assert build_agent("billp", {"use_tools": False, "model": "scripted"})


@pytest.mark.parametrize(("agent", "parameters"), [("billp", {}), ("billp-plus", {"model": "pocket"})])
def test_prompts_that_pocket_cannot_read_are_refused_before_any_run(agent: str, parameters: dict[str, str]) -> None:
    with pytest.raises(AgentError, match=r"pocket reads compact prompts only; .* \(-p model=scripted\)"):
        build_agent(agent, parameters | {"prompts": "full"})
    with pytest.raises(AgentError, match="prompts must be one of full, compact, got 'tiny'"):
        build_agent(agent, parameters | {"prompts": "tiny"})


def test_a_model_that_is_no_name_is_told() -> None:
    with pytest.raises(ConfigurationError, match='model must be a language model\'s name, got None; use "scripted"'):
        BiLLPAgent(model=None)  # type: ignore[arg-type]


def test_without_the_extra_the_default_says_what_to_install_and_what_needs_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(LanguageModelError, match=r"pip install 'longrec\[llm\]', or .* by -p model=scripted"):
        BiLLPAgent().reset(make_simulator("longrec/Games-v0", 1).task, 1, 0)
