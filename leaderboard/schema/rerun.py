"""Attestations of re-runs: somebody ran a submission's agent again, and it chose every action again."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from leaderboard.schema.basics import SCHEMA_VERSION, Line, Name, Sha256, Stored
from leaderboard.schema.making import Machine


class Rerun(Stored):
    """Who ran an agent again, when, how and on what, with the same outcome.

    `claims_sha256` binds it to all that the re-run confirms, see `leaderboard.reruns.claims_hash`: a copy of a trace
    under another agent's name shares none of it.
    """

    claims_sha256: Sha256
    by: Line = Field(min_length=1)
    at: AwareDatetime
    how: Literal["agent", "cassette"] = Field(description="whether its language model was asked, or its answers read")
    source_sha256: Sha256 = Field(description="of the agent's sources as they were run again")
    same_source: bool = Field(description="whether these are the submission's")
    machine: Machine
    packages: dict[Name, Line] = Field(max_length=256)
    commit: str = Field(pattern=r"^([0-9a-f]{40})?$")
    dirty: bool


class Reruns(Stored):
    """All attestations about one trace: `leaderboard/reruns/<traces_sha256>.json`."""

    schema_version: Literal[1] = SCHEMA_VERSION
    traces_sha256: Sha256
    reruns: tuple[Rerun, ...] = Field(min_length=1, max_length=64)
