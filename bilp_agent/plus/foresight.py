"""What a recommendation can be expected to bring: circumstances, remembered values, and what would follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from bilp_agent.company import REACH, Company
from bilp_agent.context import Context
from bilp_agent.hypotheses import Belief, forbids
from bilp_agent.plus.estimate import Estimate, ValueTable
from bilp_agent.plus.lookahead import Prospect
from bilp_agent.plus.outlook import Outlook, SlateOutlook
from bilp_agent.plus.scene import Scene
from bilp_agent.session import Session

PRIOR_STEPS = 1.0  # weight of the Critic's judgement beside remembered steps
PRIOR_LEAVES = 0.1  # chance of leaving assumed with it
WIDEST = 6  # items considered at each step that is played in thought

Judged = Callable[[str], float]


@dataclass(frozen=True)
class Imagined:
    """A session and the items imagined to be shown from here on, oldest first."""

    session: Session
    trail: tuple[int, ...] = ()

    @cached_property
    def before(self) -> list[int]:
        """All items up to here, oldest first, as far back as pairs are looked at."""
        return [*(entry.item for entry in self.session.shown[-REACH:]), *self.trail]


@dataclass(eq=False)
class Foresight:
    """Looks ahead from one session; implements `lookahead.Model`.

    company: pair facts of training, or none. span: steps that users are believed to remember. table: remembered states
    and what they were worth. judged: what the Critic says of a state in words, or a default. gamma, lost: see
    `lookahead.Model`. pool: items worth considering. known, now: what was looked up of the session's next step.
    """

    context: Context
    company: Company
    beliefs: tuple[Belief, ...]
    span: int
    table: ValueTable
    judged: Judged
    gamma: float
    lost: float
    pool: Sequence[int] = ()
    known: dict[int, Outlook] = field(default_factory=dict)
    now: Scene | None = None

    def expects(self, reward: float) -> str:
        """An expected reward as a note, in tenths; in hundredths where rewards are of a single unit, such as clicks."""
        low, high = self.context.view.scores
        return f"expect {reward:.{1 if high - low > 1 else 2}f}"

    def outlook(self, state: Imagined, item: int) -> Outlook:
        """What is known of showing an item before it is shown."""
        tools, window = self.context.tools, self.context.window
        if state.trail:
            return self._look(Scene.of(state.session, tools, window, state.trail), state, item)
        found = self.known.get(item)
        if found is None:
            if self.now is None:
                self.now = Scene.of(state.session, tools, window)
            found = self.known[item] = self._look(self.now, state, item)
        return found

    def _look(self, scene: Scene, state: Imagined, item: int) -> Outlook:
        session, tools = state.session, self.context.tools
        what, known = scene.circumstances(item), item in session.known
        if self.context.view.name:
            full = session.signs.full.get(tools.main_category(item), 0.0)
            return SlateOutlook(item, what, known, self.span, 0, 0, 0.0, *self.context.view.scores, full)
        before = state.before
        mine = session.company.untried(item, before, self.span)
        others = self.company.untried(item, before, self.span) if mine else []
        open_pairs = [other for other in mine if other in others]
        ours = set(tools.categories(item))
        kin = sum(not ours.isdisjoint(tools.categories(other)) for other in open_pairs)
        suspicion = self.company.suspicion(item, open_pairs)
        return Outlook(item, what, known, self.span, len(open_pairs), kin, suspicion)

    def estimate(self, outlook: Outlook) -> Estimate:
        """Its value and chance of leaving: what is remembered of like ones, and the Critic's judgement as prior."""
        text = outlook.text
        return self.table.estimate(text).mixed(self.judged(text), PRIOR_LEAVES, PRIOR_STEPS)

    def prospect(self, state: Imagined, item: int) -> Prospect:
        """Expected reward, chance of leaving and value of showing an item."""
        outlook = self.outlook(state, item)
        found = self.estimate(outlook)
        return Prospect(outlook.what.reward, found.leaves, found.value)

    def options(self, state: Imagined) -> Sequence[int]:
        """The likeliest next items: of the pool, those that nothing forbids."""
        free = (i for i in self.pool if not forbids(self.beliefs, self.outlook(state, i).what))
        return [item for item, _ in zip(free, range(WIDEST), strict=False)]

    def among(self, pool: Sequence[int]) -> Foresight:
        """The same with items worth considering."""
        return replace(self, pool=pool)

    def after(self, state: Imagined, item: int) -> Imagined:
        """With the item shown and the user still there."""
        return Imagined(state.session, (*state.trail, item))
