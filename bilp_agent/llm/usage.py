"""What a run asked of a language model: calls and tokens, a role at a time, with 'not measured' kept apart from 0.

Raw counts only: what they cost is computed from them where boards are made (`leaderboard.prices`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bilp_agent.llm.base import Completion


@dataclass
class RoleUsage:
    """Counts of one role. Token sums are over the calls that reported them.

    unmeasured: calls that did not report input or output; unmeasured_cached, unmeasured_written: that did not report
    tokens which a provider's cache held, or which were written to it.
    shortened: prompts that had to be shortened to fit; dropped: optional passages that this took.
    """

    calls: int = 0
    answered_from_cache: int = 0
    faults: int = 0
    retries: int = 0
    shortened: int = 0
    dropped: int = 0
    unmeasured: int = 0
    unmeasured_cached: int = 0
    unmeasured_written: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    prompt_characters: int = 0

    def add(self, completion: Completion, prompt_characters: int) -> None:
        """Count one call."""
        usage = completion.usage
        self.calls += 1
        self.answered_from_cache += completion.from_cache
        self.faults += completion.finish == "fault"
        self.retries += completion.retries
        self.shortened += completion.dropped > 0
        self.dropped += completion.dropped
        self.unmeasured += usage.input is None or usage.output is None
        self.unmeasured_cached += usage.cached is None
        self.unmeasured_written += usage.written is None
        self.input_tokens += usage.input or 0
        self.cached_tokens += usage.cached or 0
        self.written_tokens += usage.written or 0
        self.output_tokens += usage.output or 0
        self.prompt_characters += prompt_characters

    def report(self) -> dict[str, Any]:
        """JSON form; a token count is None unless every call measured it."""
        record: dict[str, Any] = asdict(self)
        if self.unmeasured:
            record |= {"input_tokens": None, "output_tokens": None}
        if self.unmeasured or self.unmeasured_cached:
            record["cached_tokens"] = None
        if self.unmeasured or self.unmeasured_written:
            record["written_tokens"] = None
        return record


@dataclass
class UsageMeter:
    """Counts a role at a time. One meter covers one phase (training or test) of one agent.

    seconds: that answers were waited for, all roles together, for they are asked in one batch; not in the report, which
    is the same for the same run.
    """

    roles: dict[str, RoleUsage] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, role: str, completion: Completion, prompt_characters: int) -> None:
        """Count one call of a role."""
        self.roles.setdefault(role, RoleUsage()).add(completion, prompt_characters)

    @property
    def calls(self) -> int:
        """Calls of all roles together."""
        return sum(role.calls for role in self.roles.values())

    def report(self) -> Mapping[str, Any]:
        """JSON form: totals and the same a role, None where not measured."""
        total = RoleUsage()
        for role in self.roles.values():
            for key, value in asdict(role).items():
                setattr(total, key, getattr(total, key) + value)
        roles = {name: role.report() for name, role in sorted(self.roles.items())}
        return {**total.report(), "roles": roles}
