"""What the study reads: submissions as the board replays them, by the tables in which they may be compared."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from leaderboard.board.cached import summaries
from leaderboard.board.groups import RETURN, Group, Member, groups
from leaderboard.board.store import Store, default_folder
from leaderboard.board.summary import Summary, without_twins
from leaderboard.evaluate.curve.plan import LearningCurve
from leaderboard.schema import Estimate, Row
from leaderboard.site.text import called, called_in_full, plain, settings
from leaderboard.stats import LEVEL, Sums, difference
from leaderboard.study.models import chosen, names_tell, shown
from leaderboard.suites import builtin_suites

FEWEST_SEEDS: Final = 3
"""Training seeds below which a table is left out: an interval would not know how much hangs on the seed."""

DEPARTURES: Final = frozenset({"window", "threshold"})
"""Options of the departure family: how many items users remember, and how near is too alike."""

_ASKED: Final = ("--suite", "--env", "--episodes", "-o", "--option", "--track", "--budget-episodes", "--budget-steps",
                 "--log", "--log-sessions", "--log-seed")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table:
    """The submissions on one task that met the same users, with both ends of the score's scale."""

    group: Group
    _sums: dict[tuple[int, str], Sums] = field(default_factory=dict, init=False, repr=False)

    @property
    def first(self) -> Row:
        """A row, for what all of them share."""
        return self.group.members[0].row

    @property
    def place(self) -> str:
        """The environment without its namespace, with the options that are not its usual ones."""
        options = {name: value for name, value in self.first.options.items() if (name, value) != ("protocol", "FB")}
        title = self.first.env_id.rpartition("/")[2]
        return f"{title} ({settings(options, 60)})" if options else title

    @property
    def usual(self) -> bool:
        """Whether users leave as in the world: by its own window and threshold."""
        return not DEPARTURES & self.first.options.keys()

    @property
    def scale(self) -> float:
        """The score of one unit of return: the ends of the scale are taken as given, as in tiers."""
        assert self.group.scale is not None  # `records_of` takes no others
        return self.group.scale

    @cached_property
    def competing(self) -> tuple[Member, ...]:
        """Those that read no hidden state."""
        return tuple(self.group.members[n] for n in self.group.competing)

    def named(self, agents: Iterable[str]) -> list[Member]:
        """The submissions of these agents, but for ablations, in the order of the table."""
        wanted = set(agents)
        return [m for m in self.competing if m.row.agent in wanted and not _ablated(m)]

    def plain(self, agent: str) -> Member | None:
        """An agent that no parameters were given."""
        return next((m for m in self.competing if m.row.agent == agent and not m.row.parameters), None)

    def variant(self, agent: str, parameters: dict[str, Any]) -> Member | None:
        """An agent with just these parameters, as `chosen` has them."""
        return next((m for m in self.competing if m.row.agent == agent and chosen(m) == parameters), None)

    def on_models(self, agent: str) -> list[Member]:
        """An agent of which nothing but the language model was chosen, by its name; each asked in its own prompts."""
        found: dict[str, Member] = {}
        for member in self.competing:
            if member.row.agent == agent and (parameters := chosen(member)).keys() <= {"model"}:
                found.setdefault(str(parameters.get("model", "")), member)
        return [found[model] for model in sorted(found)]

    def label(self, member: Member) -> str:
        """Its agent with its language model; with other parameters where that stands in the table more than once, and
        where they are prompts, by which it is another planner.
        """
        name = called(member.row.agent, shown(member))
        alone = sum(called(other.row.agent, shown(other)) == name for other in self.competing) == 1
        return name if alone and "prompts" not in shown(member) else called_in_full(member.row.agent, shown(member))

    def sums(self, member: Member, metric: str = RETURN) -> Sums:
        """Its per-user sums; read from the cache once."""
        key = id(member), metric
        if key not in self._sums:
            self._sums[key] = member.summary.sums(member.task, [metric])[0]
        return self._sums[key]

    def less(self, first: Member, second: Member, level: float = LEVEL) -> Estimate | None:
        """The score of the first less that of the second, paired by user."""
        found = difference(self.sums(first), self.sums(second), level=level)
        return None if found is None else scaled(found, self.scale)

    def command(self, agent: str, parameters: Mapping[str, object] | None = None) -> str:
        """What runs an agent on this table's task, for a shell; what strangers gave in theirs is quoted."""
        pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in (parameters or {}).items()]
        given = [word for pair in pairs for word in ("-p", pair)]
        return shlex.join(plain(word) for word in ("longrec", "evaluate", agent, *self._where(), *given))

    def _where(self) -> list[str]:
        if self.first.suite in builtin_suites():
            return ["--suite", self.first.suite, "--env", self.first.env_id]
        for member in self.group.members:
            given = list(member.row.command)
            pairs = [(a, b) for a, b in pairwise(given) if a in _ASKED]
            if any(name in ("--suite", "--env") for name, _ in pairs):
                return [word for pair in pairs for word in pair]
        return ["--suite", f"{self.first.suite}.json"]


@dataclass(frozen=True, eq=False)
class Told:
    """A learning curve, and the submission that it goes with: agent/folder, and the agent's every parameter there."""

    curve: LearningCurve
    source: str
    configuration: Mapping[str, Any]

    @property
    def agent(self) -> str:
        """Its agent with its language model, as tables name it, and its other parameters."""
        agent = self.curve.plan.agent
        return called_in_full(agent.name, names_tell(agent.parameters, self.configuration))


@dataclass(frozen=True, eq=False)
class Records:
    """Everything that questions are answered from. `left_out` says what was not taken, and why."""

    tables: tuple[Table, ...]
    curves: tuple[Told, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def usual(self) -> list[Table]:
        """The tables of worlds as they are: what all questions are asked of but that of other settings."""
        return [table for table in self.tables if table.usual]

    @property
    def confirmed(self) -> frozenset[str]:
        """The submissions whose agent was run again and attested: agent/folder."""
        rows = (m.row for table in self.tables for m in table.group.members)
        return frozenset(f"{row.agent}/{row.version}" for row in rows if row.badge == "re-run")


def read(
    folders: Sequence[Path], *, cache: Path | None = None, workers: int = 0,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Records:  # fmt: skip
    """Replay submission folders, or take from the board's cache what was replayed before."""
    found = summaries(folders, Store((cache or default_folder()) / "replays"), workers=workers, watch=watch)
    kept, twins = without_twins([s for s in found.values() if isinstance(s, Summary)])
    errors = {path: s for path, s in found.items() if not isinstance(s, Summary)} | twins
    return records_of(kept, [f"{path.parent.name}/{path.name}: {error}" for path, error in sorted(errors.items())])


def records_of(found: Sequence[Summary], left_out: Sequence[str] = ()) -> Records:
    """The records of replayed submissions."""
    tables, short = list[Table](), list(left_out)
    for group in groups(found):
        row, table = group.members[0].row, Table(group)
        if group.scale is None:
            short.append(f"{table.place} of {row.suite}: random or oracle is missing, or they do as well")
        elif row.training_seeds < FEWEST_SEEDS:
            short.append(f"{table.place} of {row.suite}: fewer than {FEWEST_SEEDS} training seeds")
        else:
            tables.append(table)
    return Records(tuple(tables), tuple(_curves(found)), tuple(short))


def scaled(estimate: Estimate, scale: float) -> Estimate:
    """`estimate` in another unit; `scale` is above 0."""
    low, high = (None if end is None else scale * end for end in (estimate.low, estimate.high))
    return Estimate(value=scale * estimate.value, low=low, high=high, note=estimate.note)


def _curves(found: Sequence[Summary]) -> list[Told]:
    """What agents do in test after more and more training, by environment, agent and submission."""
    told = [
        Told(curve, f"{submission.agent.name}/{summary.path.name}", submission.configuration)
        for summary in found if (file := summary.curves()) is not None
        for submission in [summary.submission] for curve in file.tested
    ]  # fmt: skip
    return sorted(told, key=lambda t: (t.curve.plan.task.env_id, t.source, t.curve.plan.unit))


def _ablated(member: Member) -> bool:
    return any(name.startswith("use_") for name in member.row.parameters)
