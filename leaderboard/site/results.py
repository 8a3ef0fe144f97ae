"""The results of one suite: agents by environments, and, on one page of Markdown, what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from leaderboard.board.model import Board, Entry, Section, SuiteBoard
from leaderboard.metrics import SCORE
from leaderboard.power import WHOLE, Power
from leaderboard.schema import Suite
from leaderboard.site.page import templates


@dataclass(frozen=True, eq=False)
class AgentResults:
    """One agent with one set of parameters: its row in each environment of the suite, None where there is none."""

    entries: tuple[Entry | None, ...]

    @cached_property
    def known(self) -> list[Entry]:
        """The rows that there are: one or more."""
        return [entry for entry in self.entries if entry is not None]

    @property
    def missing(self) -> list[int]:
        """The numbers of the tasks where it has no row."""
        return [task for task, entry in enumerate(self.entries) if entry is None]

    @property
    def label(self) -> str:
        """The shortest name that is unique in each of its tables."""
        return max((entry.label for entry in self.known), key=len)

    @property
    def privileged(self) -> bool:
        """Whether it reads hidden state."""
        return self.known[0].row.privileged

    @property
    def seconds(self) -> float:
        """Wall time of training and test."""
        return sum(entry.row.wall_seconds for entry in self.known)

    @property
    def calls(self) -> int | None:
        """Calls of language models in training and test, None where it tells of none."""
        told = [usage.calls for e in self.known for usage in (e.row.usage_train, e.row.usage_test) if usage is not None]
        return sum(calls or 0 for calls in told) if told else None


def results(board: Board, suite: Suite, power: Sequence[Power] = ()) -> str:
    """The page of a suite, from a board that holds it, with what its submissions say that the suite can tell apart.

    The same board gives the same text.
    """
    found = next((part for part in board.suites if part.hash == suite.hash), None)
    return (
        templates()
        .get_template("results.md.j2")
        .render(
            suite=suite,
            sections=[] if found is None else _sections(found, suite),
            standings=() if found is None else found.standings,
            agents=[] if found is None else by_agent(found.sections, range(len(suite.tasks))),
            titles=[task.env_id.rpartition("/")[2].rpartition("-")[0] for task in suite.tasks],
            score=SCORE.name,
            power=power,
            whole=next((line for line in power if line.label == WHOLE), None),
        )
    )


def _sections(found: SuiteBoard, suite: Suite) -> list[object]:
    of = {section.first.task: section for section in found.sections}
    return [of.get(task) for task in range(len(suite.tasks))]


def by_agent(sections: Iterable[Section], tasks: Sequence[int]) -> list[AgentResults]:
    """The agents of a suite's sections, with what each has on these tasks of the suite, in this order.

    Those with rows in most environments come first, then it goes by name; those that read hidden state come last.
    """
    rows: dict[str, dict[int, Entry]] = {}
    for section in sections:
        for entry in section.entries:
            rows.setdefault(entry.agent_id, {})[section.first.task] = entry
    agents = [AgentResults(tuple(found.get(task) for task in tasks)) for found in rows.values()]
    return sorted(agents, key=lambda agent: (agent.privileged, -len(agent.known), agent.label))
