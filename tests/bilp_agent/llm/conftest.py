"""A server on loopback for whatever test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bilp_agent.llm.servers import KEY, Server, served


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with served() as made:
        yield made
