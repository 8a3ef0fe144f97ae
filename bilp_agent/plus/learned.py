"""What `billp-plus` learns besides the three memories: tested hypotheses and pair facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from bilp_agent.company import REACH, Company
from bilp_agent.hypotheses import Belief, Hypotheses
from bilp_agent.reflector import Ended


@dataclass
class Learned:
    """hypotheses: why users leave, with counts. company: which items were shown near one another in peace.

    FILES: where they are kept in a saved agent's folder.
    """

    FILES: ClassVar[tuple[str, str]] = ("hypotheses.json", "company.json")

    hypotheses: Hypotheses = field(default_factory=Hypotheses)
    company: Company = field(default_factory=Company)

    def study(self, ended: Ended) -> None:
        """Count what a finished session showed. Of slates no pairs are counted, and users leave at a whole slate."""
        session, items = ended.session, ended.session.items()
        last_slate = len(session.outlooks) - session.slots
        for place, outlook in enumerate(session.outlooks):
            self.hypotheses.count(outlook.what, ended.left and place >= last_slate)
        if session.slots > 1:
            return
        self.company.merge(session.company)
        span = remembered(session.beliefs)
        last = session.outlooks[-1].what
        if not ended.left:
            self.company.stay(items[-1], items[:-1])
        elif last.repeat is None or last.repeat > span:  # a repeat is explained by itself
            self.company.leave(items[-1], items[:-1], span)

    def merge(self, other: Learned) -> None:
        """Add what another learnt from separate sessions."""
        self.hypotheses.merge(other.hypotheses)
        self.company.merge(other.company)

    def save(self, folder: Path) -> None:
        """Write `hypotheses.json` and `company.json`."""
        self.hypotheses.save(folder / self.FILES[0])
        self.company.save(folder / self.FILES[1])

    @classmethod
    def load(cls, folder: Path) -> Learned:
        """Read them. Raises `AgentError` naming the file if one is unusable."""
        return cls(Hypotheses.load(folder / cls.FILES[0]), Company.load(folder / cls.FILES[1]))


def remembered(beliefs: tuple[Belief, ...]) -> int:
    """Steps within which a repeat is believed to make users leave; REACH where nothing is believed."""
    return next((min(b.limit, REACH) for b in beliefs if b.kind == "repeat"), REACH)
