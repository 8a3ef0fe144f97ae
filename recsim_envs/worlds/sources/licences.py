"""Which licences the user has accepted: asked once a data set, and again when its terms are told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.home import home
from recsim_envs.worlds.sources.records import add_to_record, read_record
from recsim_envs.worlds.sources.source import Source

RECORD: Final = "licences.json"


def licence_text(source: Source) -> str:
    """What the user is asked to accept."""
    licence = source.licence
    return (
        f"{source.title}: {licence.name}\n{licence.terms}\nThe terms themselves: {licence.url}\n"
        f"To be cited: {source.citation}"
    )


def accept_licence(source: Source, accept: Callable[[Source], bool]) -> None:
    """Ask `accept` unless this licence was accepted before, and write down a yes with the date.

    Raises `ConfigurationError` after a no.
    """
    file = home() / RECORD
    if read_record(file).get(source.name, {}).get("sha256") == source.licence.digest:
        return
    if not accept(source):
        raise ConfigurationError(
            f"the licence of {source.name} ({source.licence.name}, {source.licence.url}) is not accepted, so nothing "
            "is fetched; read it, and pass --accept-licence if you agree"
        )
    add_to_record(file, source.name, {"sha256": source.licence.digest, "licence": source.licence.name})
