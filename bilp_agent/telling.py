"""What an agent tells of a decision, for people who watch the session afterwards; see `recsim_envs.Agent.explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bilp_agent.context import Context
    from bilp_agent.hypotheses import Belief
    from bilp_agent.memory import Reflection
    from bilp_agent.planner import Plan
    from bilp_agent.session import Session
    from recsim_envs.text.catalogue import CatalogueText

MOST_CALLS = 64  # of tools before one step; there are never as many


@dataclass(frozen=True)
class Choice:
    """How the latest recommendation came about.

    candidates: items that the model was offered; notes: what was said of each, or none at all. answer: what it wrote,
    empty where nothing could be read; status: "ok", "repaired" or "fallback". named: the titles that were read in it;
    grounded: how each became an item, see `recsim_envs.text.grounding`.
    """

    candidates: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str = ""
    status: str = ""
    named: tuple[str, ...] = ()
    grounded: tuple[str, ...] = ()


def tell_choice(choice: Choice, text: CatalogueText) -> dict[str, Any]:
    """A choice as JSON."""
    notes = choice.notes or ("",) * len(choice.candidates)
    offered = [
        {"item": item, "title": text.title(item), **({"note": note} if note else {})}
        for item, note in zip(choice.candidates, notes, strict=True)
    ]
    told = {"answer": choice.answer, "answered": choice.status, "named": list(choice.named)}
    return told | {"grounded": list(choice.grounded), "candidates": offered}


def tell_session(session: Session, context: Context, *, valued: bool) -> dict[str, Any]:
    """What the planner's roles retrieved, decided and estimated for the latest recommendation of a session.

    valued: whether there is a Critic.
    """
    told: dict[str, Any] = {}
    if session.plan is not None:
        told |= {"plan": _plan(session.plan, context), "planned": session.planned, "thought": session.plan.thought}
    told["reflections"] = [tell_reflection(reflection, context) for reflection in session.reflections]
    if session.beliefs:
        told["beliefs"] = [_belief(belief) for belief in session.beliefs]
    told |= tell_choice(session.choice, context.text)
    told["tools"] = _tools(session)
    if valued:
        told["value"] = round(session.value, 4)
    if session.risk is not None:
        told["risk"] = round(session.risk, 4)
    return told


def tell_reflection(reflection: Reflection, context: Context) -> dict[str, Any]:
    """A reflection: what was written, and at the end of which training session."""
    told: dict[str, Any] = {"text": reflection.text, "cause": reflection.cause}
    told |= {"principles": list(reflection.principles)}
    told |= {"session": reflection.episode, "stayed": reflection.steps, "horizon": reflection.horizon}
    if context.view.name:
        told["earned"] = round(reflection.earned, 4)
    if reflection.merged:
        told["merged"] = reflection.merged
    return told


def _plan(plan: Plan, context: Context) -> dict[str, Any]:
    """A plan by names; what it leaves open is left out."""
    names = context.text.category_names
    told = asdict(plan) | {"focus": [names[c] for c in plan.focus], "avoid": [names[c] for c in plan.avoid]}
    return {key: value for key, value in told.items() if value}


def _belief(belief: Belief) -> str:
    others = f"otherwise {belief.other_left} of {belief.other_left + belief.other_stayed}"
    return f"{belief.kind}, limit {belief.limit}: left {belief.left} of {belief.left + belief.stayed} times, {others}"


def _tools(session: Session) -> Sequence[dict[str, str]]:
    """The tools that were asked before the next step."""
    now = [call for call in session.calls[-MOST_CALLS:] if call.step == session.step + 1]
    return [{"tool": call.tool, "arguments": call.arguments} for call in now]
