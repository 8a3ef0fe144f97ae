"""Public data sets: fetched from their publishers, checked, and read in the formats they come in."""

from __future__ import annotations

from recsim_envs.worlds.sources.fetching import fetch as fetch
from recsim_envs.worlds.sources.fetching import read_source as read_source
from recsim_envs.worlds.sources.licences import accept_licence as accept_licence
from recsim_envs.worlds.sources.licences import licence_text as licence_text
from recsim_envs.worlds.sources.registry import SOURCES as SOURCES
from recsim_envs.worlds.sources.registry import find_source as find_source
from recsim_envs.worlds.sources.source import Source as Source
