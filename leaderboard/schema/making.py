"""How a run came to be and what it took: other files, seeds, machine, language models, latency, disclosure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from leaderboard.schema.basics import Amount, Count, Line, Seconds, Sha256, Stored, Text

FileName = Literal["curve.json", "transcript.jsonl", "cassette.jsonl.gz"]
"""Files that a submission may hold beside its trace."""

OPTIONAL_FILES: Final[dict[FileName, int]] = {
    "curve.json": 2**20,
    "transcript.jsonl": 2**21,
    "cassette.jsonl.gz": 2**25,
}
"""The most bytes that each of them may have."""

Phase = Literal["train", "test"]


class FileRecord(Stored):
    """One file beside the trace, as it was when `submission.json` was written."""

    sha256: Sha256
    bytes: Count


class SeedRecord(Stored):
    """One kind of randomness of a run, and whether all of it follows from seeds of the harness.

    environment: users and their answers. training: what happens while an agent trains. acting: an agent's own draws in
    test sessions. sampling: those of a language model.
    """

    kind: Literal["environment", "training", "acting", "sampling"]
    controlled: bool
    how: Line = Field(description="where the seeds come from, or why nothing is promised")


class Usage(Stored):
    """What was asked of a language model in one phase of one cell. None is 'not measured', which is not zero."""

    model: Line = Field(default="", description="its full name, which finds its price")
    calls: Count | None = None
    input: Count | None = Field(default=None, description="tokens of all prompts, cached ones among them")
    cache_read: Count | None = Field(default=None, description="those of the input that a provider's cache held")
    cache_write: Count | None = Field(default=None, description="those of the input that were written to it")
    output: Count | None = Field(default=None, description="tokens of all answers")
    seconds: Seconds | None = Field(default=None, description="waited for answers")

    @model_validator(mode="after")
    def _parts(self) -> Usage:
        if self.input is not None and (self.cache_read or 0) + (self.cache_write or 0) > self.input:
            raise ValueError("cache_read and cache_write are parts of input, and together exceed it")
        return self


class Latency(Stored):
    """Milliseconds that one decision took in test sessions: the time of `Agent.act`, shared by the rows it served.

    A slate is one decision. Measured by the harness: the way to an agent in a process of its own is part of it.
    """

    p50: Amount
    p95: Amount
    decisions: Count
    batch: Amount = Field(description="decisions a call of `act`, on average")

    @model_validator(mode="after")
    def _ordered(self) -> Latency:
        if self.p50 > self.p95:
            raise ValueError("p50 is above p95")
        return self


class Machine(Stored):
    """Where it ran."""

    system: Line
    processor: Line
    cores: int = Field(ge=1, le=1_000_000)
    python: Line
    memory_bytes: Count | None = None
    accelerator: Line = Field(default="", description="graphics processors; empty for none that are known of")


class Disclosure(Stored):
    """What the submitter says about how the agent came to be. `hidden_state` is filled in by the harness."""

    hidden_state: bool = False
    trained_on_test: bool = False
    tuning: Text = ""
    trials: Count | None = Field(default=None, description="configurations compared before this one; None: not told")
