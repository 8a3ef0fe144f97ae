"""The world that whole agents are tried on."""

from __future__ import annotations

import pytest

from recsim_envs.worlds.world import World
from tests.bilp_agent.fakes import kind_world


@pytest.fixture(scope="session")
def world() -> World:
    return kind_world()
