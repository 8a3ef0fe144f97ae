"""The mind of `billp-plus`: speaks to the language model where it is worth it, and chooses by expected value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from bilp_agent.actor import Turn
from bilp_agent.asking import Answer, Asker
from bilp_agent.company import Company
from bilp_agent.context import Context
from bilp_agent.hypotheses import Belief, forbids
from bilp_agent.memory import CriticExample, Outcomes, Reflection, credit, merge_similar, records_of, weight_by_score
from bilp_agent.memory.scoring import joined
from bilp_agent.mind import Memories, Mind
from bilp_agent.planner import Plan
from bilp_agent.plus.estimate import ValueTable
from bilp_agent.plus.foresight import PRIOR_LEAVES, Foresight, Imagined
from bilp_agent.plus.learned import Learned, remembered
from bilp_agent.plus.lookahead import Lookahead
from bilp_agent.reflector import Ended
from bilp_agent.session import Session
from bilp_agent.settings import PlusSettings
from bilp_agent.views import Mask
from recsim_envs.spec import TaskSpec
from recsim_envs.text.grounding import Allowed

SURPRISE = 0.25  # a reward so far below what was expected, as a share of the range, calls for a new plan
SHOWN = 6  # candidates in a prompt; of slates twice as many as have a place, if that is more
PARTNERS = 12  # well-travelled items among the candidates
EXAMPLES = 3  # remembered states that the Critic is shown
PROBED = 3  # every third training session tries what an untested belief forbids at its limit
ENOUGH = 3  # steps at its limit that make a belief tested
LIKE_USERS = 4  # remembered users among whose reflections a like one is looked for


@dataclass(frozen=True)
class Weighed:
    """A candidate and what it is expected to bring."""

    item: int
    value: float
    reward: float
    leaves: float
    state: str
    weight: float


class PlusMind(Mind):
    """See `Mind`. `learned` and the memories change in training only."""

    settings: PlusSettings

    def __init__(
        self, task: TaskSpec, settings: PlusSettings, memories: Memories, learned: Learned, asker: Asker
    ) -> None:
        super().__init__(task, settings, memories, asker)
        self.learned = learned
        self._table = self._sums()
        self._judged: dict[str, float] = {}
        self._spoken: Counter[str] = Counter()
        self._critic_memory: Counter[str] = Counter()
        self._refresh()

    def _sums(self) -> ValueTable:
        critic = self.memories.critic
        return ValueTable(critic.encoder, self.returns.bound, self.settings.neighbours, critic.records)

    def _make_context(self, task: TaskSpec) -> Context:
        return Context.of(task, self.settings.window, coarse=True, brief=True, compact=self.settings.compact)

    def _choices(self) -> int:
        return self.settings.choices if self.settings.use_critic else 1

    def _refresh(self) -> None:
        """What follows from memories and counts, made anew after they changed."""
        settings = self.settings
        self.beliefs: tuple[Belief, ...] = self.learned.hypotheses.beliefs() if settings.use_reflector else ()
        self._company = self.learned.company if settings.use_actor_memory else Company()
        partners = self._company.partners()
        self._travelled = sorted(partners, key=lambda item: (-partners[item], item))
        self._weight = weight_by_score(Outcomes.pooled(self.memories.planner.records))

    def recall(self, session: Session) -> None:
        """Reflections of like users, those first that sessions went better with, and what is believed."""
        session.beliefs = self.beliefs
        if session.number is not None and session.number % PROBED == 0:
            session.beliefs = tuple(b.narrowed() if self._untested(b) else b for b in self.beliefs)
        if self.settings.use_reflector:
            k = self.settings.reflections
            matches = self.memories.planner.nearest(self.context.profile(session), k, self._weight)
            session.reflections = tuple(records_of(matches)[:k])

    def _untested(self, belief: Belief) -> bool:
        """Whether a belief forbids what it has hardly seen, so that it could never be proved wrong."""
        return self.learned.hypotheses.tried(belief) < ENOUGH

    def describe(self, session: Session) -> None:
        """The coarse state; what the Critic values is the state right after a recommendation."""
        session.state = self.context.state(session)

    def _make_plans(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        """Plan only where no plan is in force, it has run out, or something unexpected happened."""
        if not self.settings.use_planner:
            return
        due = [(s, seed) for s, seed in zip(sessions, seeds, strict=True) if self._due(s)]
        super()._make_plans([s for s, _ in due], [seed for _, seed in due])

    def _due(self, session: Session) -> bool:
        why = self._reason(session)
        self._spoken[why] += 1
        return why != "plan in force"

    def _reason(self, session: Session) -> str:
        if session.plan is None:
            return "no plan"
        if session.step - session.planned >= self.settings.plan_steps:
            return "plan has run out"
        low, high = self.context.view.scores
        came, looked = session.last_slate(), session.outlooks[-session.slots :]
        if came and looked:
            expected = sum(outlook.what.reward for outlook in looked) / len(looked)
            if sum(entry.reward for entry in came) / len(came) < expected - SURPRISE * (high - low):
                return "reward below expectation"
        return "plan in force"

    def _worth(self, task: TaskSpec) -> tuple[float, float]:
        """The Critic values single items: their rewards, in slates their scores."""
        return self.context.view.scores

    def decide(self, sessions: Sequence[Session], masks: Sequence[Mask], seeds: Sequence[int]) -> list[tuple[int, ...]]:
        """The items to show in each session: of those that the Actor names, the ones worth most."""
        self.decisions += len(sessions)
        for session in sessions:
            self.describe(session)
        self._make_plans(sessions, seeds)
        turns = [self._turn(s, mask) for s, mask in zip(sessions, masks, strict=True)]
        sights = [self._foresight(turn) for turn in turns]
        turns = [self._freed(turn, sight) for turn, sight in zip(turns, sights, strict=True)]
        rows = [self._rank(turn, sight) for turn, sight in zip(turns, sights, strict=True)]
        named = self._ask([turn for turn, _ in rows], self._thin(rows), seeds)
        chosen = zip(rows, sights, named, strict=True)
        return [self._choose(turn, sight.among(turn.candidates), answer) for (turn, _), sight, answer in chosen]

    def _candidates(self, session: Session, plan: Plan, allowed: Allowed) -> tuple[int, ...]:
        """What the plan suggests, and what has gone well beside others."""
        pool = dict.fromkeys(super()._candidates(session, plan, allowed))
        if self.settings.use_tools:
            travelled = (i for i in self._travelled if allowed(i) and self._fits(session, i, plan))
            pool |= dict.fromkeys(islice(travelled, PARTNERS))
        return tuple(pool)

    def _fits(self, session: Session, item: int, plan: Plan) -> bool:
        if plan.avoid and not set(plan.avoid).isdisjoint(self.context.tools.categories(item)):
            return False
        return item in session.known or float(self.context.task.catalogue.mean_reward[item]) >= plan.minimum

    def _freed(self, turn: Turn, sight: Foresight) -> Turn:
        """Without the candidates that beliefs forbid, unless they forbid all."""
        beliefs = turn.session.beliefs
        if not self.settings.use_filter or not beliefs:
            return turn
        here = Imagined(turn.session)
        free = tuple(i for i in turn.candidates if not forbids(beliefs, sight.outlook(here, i).what))
        return replace(turn, candidates=free or turn.candidates)

    def _foresight(self, turn: Turn) -> Foresight:
        going_on = turn.session.mean_reward / (1.0 - self.returns.gamma)
        mean = (1.0 - PRIOR_LEAVES) * going_on - PRIOR_LEAVES * self.returns.bound
        return Foresight(
            self.context, self._company, turn.session.beliefs, remembered(turn.session.beliefs), self._table,
            lambda state: turn.session.judged.get(state, mean), self.returns.gamma, -self.returns.bound,
        )  # fmt: skip

    def _rank(self, turn: Turn, sight: Foresight) -> tuple[Turn, Sequence[Weighed]]:
        """The turn with its first candidates, in order of value where there is a Critic, and what these are worth."""
        if not self.settings.use_critic:
            return _noted(turn, sight), ()
        weighed = _weigh(turn, sight)
        return _ranked(turn, weighed, sight), weighed[: self.settings.choices + self.context.view.slots - 1]

    def _thin(self, rows: Sequence[tuple[Turn, Sequence[Weighed]]]) -> list[tuple[Session, str]]:
        """States of the first candidates that memory hardly knows and that the session has not heard the Critic on."""
        found = ((turn.session, w) for turn, weighed in rows for w in weighed)
        return [(s, w.state) for s, w in found if w.weight < self.settings.thin and w.state not in s.judged]

    def _ask(
        self, turns: Sequence[Turn], thin: Sequence[tuple[Session, str]], seeds: Sequence[int]
    ) -> list[Answer[tuple[str, ...]]]:
        """Have the Actor name titles, and in the same batch the Critic judge states, once each; the Actor's answers.

        So nobody waits for the Critic: what it says counts for the choice among several titles, for the value of this
        step and for later steps. A session knows only what was asked for itself, so that what it does depends on no
        other session.
        """
        states = sorted({state for _, state in thin} - self._judged.keys())
        middle = sum(self.context.view.scores) / 2.0
        examples = [self.memories.critic.nearest(state, EXAMPLES) for state in states]
        judging = [self._critic.question(s, middle, e, 0) for s, e in zip(states, examples, strict=True)]
        naming = [self._actor.question(turn, seed) for turn, seed in zip(turns, seeds, strict=True)]
        answers: list[Answer[Any]] = self.asker.ask_all([*naming, *judging])
        self._judged |= {state: a.value for state, a in zip(states, answers[len(naming) :], strict=True)}
        for session, state in thin:
            session.judged[state] = self._judged[state]
        return answers[: len(naming)]

    def _choose(self, turn: Turn, sight: Foresight, titles: Answer[tuple[str, ...]]) -> tuple[int, ...]:
        """Ground the titles and take the ones worth most; remember what was known of them."""
        slots, named = self.context.view.slots, self._ground(titles, turn)
        session, here = turn.session, Imagined(turn.session)
        if self.settings.use_critic and len(named) > slots:
            ahead: Lookahead[Imagined] = Lookahead(sight)
            named = tuple(sorted(named, key=lambda i: -ahead.value(here, i, self.settings.simulate)))
        items = named[:slots]
        outlooks = [sight.outlook(here, item) for item in items]
        session.outlooks += outlooks
        session.valued = tuple(outlook.text for outlook in outlooks)
        if self.settings.use_critic:
            found = [sight.estimate(outlook) for outlook in outlooks]
            session.value = sum(estimate.value for estimate in found) / slots
            session.risk = sum(estimate.leaves for estimate in found) / slots
            self._critic_memory.update("thin" if e.weight < self.settings.thin else "enough" for e in found)
        return items

    def judge(self, sessions: Sequence[Session], seeds: Sequence[int]) -> None:
        """Nothing to do: a session that could go on is worth what its last recommendation was."""

    def remember(self, record: CriticExample) -> None:
        """Keep what a state turned out to be worth, in the memory and in its sums."""
        super().remember(record)
        self._table.add(record)

    def tidy(self, most: int) -> bool:
        """What was forgotten is forgotten everywhere, as if the agent had been saved and loaded."""
        forgot = super().tidy(most)
        if forgot:
            self._table = self._sums()
            self._refresh()
        return forgot

    def study(self, ended: Ended) -> None:
        """Count the facts of a session and credit the reflections that it was given."""
        self.learned.study(ended)
        credit(self.memories.planner, ended.session.reflections, self._outcome(ended))
        self._refresh()

    def _outcome(self, ended: Ended) -> float:
        """What reflections are credited with: steps stayed through, where slates are shown what the session earned."""
        return sum(ended.session.earned) if self.context.view.name else float(ended.stayed)

    def _keep(self, reflections: Sequence[Reflection]) -> None:
        """Put their causes to the test; one that says what a like user's said already only counts for that one."""
        memory = self.memories.planner
        for new in reflections:
            self.learned.hypotheses.propose(new.cause)
            near = records_of(memory.nearest(new.state, LIKE_USERS))
            old = next((r for r in near if len(merge_similar([r, new], memory.encoder)) == 1), None)
            if old is None:
                memory.add(new)
            else:
                memory.replace(old, joined(old, new))
        self._refresh()

    def report(self) -> dict[str, Any]:
        """What `Mind.report` says, how much the Critic remembered, why the Planner spoke, and the beliefs."""
        return {
            **super().report(),
            "critic_memory": dict(sorted(self._critic_memory.items())),
            "planning": dict(sorted(self._spoken.items())),
            "beliefs": [asdict(belief) for belief in self.beliefs],
        }


def _weigh(turn: Turn, sight: Foresight) -> list[Weighed]:
    """The candidates from the one worth most; equals stay in order."""
    found = []
    for item in turn.candidates:
        outlook = sight.outlook(Imagined(turn.session), item)
        estimate = sight.estimate(outlook)
        found.append(Weighed(item, estimate.value, outlook.what.reward, estimate.leaves, outlook.text, estimate.weight))
    return sorted(found, key=lambda w: -w.value)


def _ranked(turn: Turn, weighed: Sequence[Weighed], sight: Foresight) -> Turn:
    best = weighed[: _shown(turn)]
    leaving = sight.context.view.leaving
    if sight.context.compact and not sight.context.view.name:
        best = sorted((replace(w, value=_at_stake(turn, w, sight)) for w in best), key=lambda w: -w.value)
    leaves = [f", leaves {100 * w.leaves:.0f}%" if leaving else "" for w in best]
    notes = tuple(f"{sight.expects(w.reward)}{said}" for w, said in zip(best, leaves, strict=True))
    return replace(turn, candidates=tuple(w.item for w in best), notes=notes, worths=tuple(w.value for w in best))


def _at_stake(turn: Turn, weighed: Weighed, sight: Foresight) -> float:
    """What a small model, which cannot weigh it itself, is told the order by: rewards, now and to the session's end.

    What the plan prefers comes first: what is known, or what comes back in turn and was never left at, whatever it
    earns.
    """
    session, (low, high) = turn.session, sight.context.view.scores
    if turn.plan.prefer == "shown" and session.steps_since(weighed.item) is not None and round(weighed.leaves, 2) == 0:
        return 3 * high
    preferred = turn.plan.prefer != "any" and weighed.item in session.known
    left = sight.context.task.horizon - session.step - 1
    return weighed.reward - weighed.leaves * session.mean_reward * left + (high - low if preferred else 0.0)


def _shown(turn: Turn) -> int:
    return max(SHOWN, 2 * turn.session.slots)


def _noted(turn: Turn, sight: Foresight) -> Turn:
    """The first candidates, without a Critic to put them in order."""
    first, here = turn.candidates[: _shown(turn)], Imagined(turn.session)
    notes = tuple(sight.expects(sight.outlook(here, item).what.reward) for item in first)
    return replace(turn, candidates=first, notes=notes)
