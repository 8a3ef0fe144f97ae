"""Names of models that are refused before anything is loaded or recorded."""

from __future__ import annotations

import pytest

from bilp_agent.llm import load_model
from leaderboard.agents import build_agent
from recsim_envs.errors import AgentError, ConfigurationError


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
def test_the_cache_is_no_option_of_the_model(agent: str) -> None:
    with pytest.raises(AgentError, match="give cache=FILE"):
        build_agent(agent, {"model_options": {"cache": "answers.sqlite"}})
    with pytest.raises(ConfigurationError, match="takes no arguments"):
        load_model("scripted", **{"spec": "scripted"})


def test_a_model_that_is_not_there_is_no_fault_of_its_name() -> None:
    assert build_agent("billp", {"model": "openai:m@http://localhost:1/v1"})
