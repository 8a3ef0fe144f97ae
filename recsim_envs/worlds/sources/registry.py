"""Which data sets there are."""

from __future__ import annotations

import difflib
from typing import Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.sources.kuaishou import KUAISHOU
from recsim_envs.worlds.sources.mcauley import MCAULEY
from recsim_envs.worlds.sources.movielens import MOVIELENS
from recsim_envs.worlds.sources.shown_at_random import SHOWN_AT_RANDOM
from recsim_envs.worlds.sources.source import Source

SOURCES: Final[dict[str, Source]] = {
    source.name: source for source in (*MOVIELENS, *MCAULEY, *KUAISHOU, *SHOWN_AT_RANDOM)
}
"""Every data set by name."""


def find_source(name: str) -> Source:
    """The data set of this name, in whatever case. Raises `ConfigurationError`, with near names, if there is none."""
    found = SOURCES.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), SOURCES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? There are" if near else "there are"
        raise ConfigurationError(f"there is no data set {name!r}; {hint} {', '.join(SOURCES)}")
    return found
