"""Seasons: rounds on seeds that nobody knew before the close, and everybody can check after it."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from leaderboard.schema.basics import SCHEMA_VERSION, Name, Salt, Sha256, Sparse, Stored, json_hash
from leaderboard.schema.suite import SeasonRef, Suite


class Season(Sparse):
    """What is published of a season: at its opening everything but the salt, after its close that too.

    `commitment` is a hash of the salt and of every other field, so that neither can be changed after the opening.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Name
    suite: Suite = Field(description="what agents are developed on; the season's seeds are others")
    opens: AwareDatetime
    closes: AwareDatetime
    commitment: Sha256
    salt: Salt | None = None

    @classmethod
    def committed(cls, name: str, suite: Suite, opens: AwareDatetime, closes: AwareDatetime, salt: str) -> Season:
        """A season that is bound to `salt` and does not tell it."""
        draft = cls(name=name, suite=suite, opens=opens, closes=closes, commitment="0" * 64)
        return draft.model_copy(update={"commitment": draft.commitment_to(salt)})

    def commitment_to(self, salt: str) -> str:
        """SHA-256 of the canonical JSON of all fields but `commitment`, with this salt."""
        return json_hash(self.model_dump(mode="json", exclude={"commitment", "salt"}) | {"salt": salt})

    def revealed(self, salt: str) -> Season:
        """The season with its salt. Raises `ValueError` for one that it was not committed to."""
        return Season.model_validate(self.model_dump() | {"salt": salt})

    def bound_suite(self, salt: str) -> Suite:
        """The suite on the season's seeds."""
        return self.suite.model_copy(update={"season": SeasonRef(name=self.name, salt=salt)})

    @model_validator(mode="after")
    def _consistent(self) -> Season:
        if self.suite.season is not None:
            raise ValueError("suite belongs to a season already; give the one that agents are developed on")
        if self.closes <= self.opens:
            raise ValueError("closes is not after opens")
        if self.salt is not None and self.commitment_to(self.salt) != self.commitment:
            raise ValueError("the salt is not the one that was committed to, or another field was changed since")
        return self


class Secret(Stored):
    """The salt of a season before its close, in a file that only its keeper can read."""

    season: Name
    salt: Salt
