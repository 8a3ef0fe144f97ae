"""What agents tell of themselves, as figures that can stand on a curve. `facts` is free-form, so it is read with care.

Keys as `bilp_agent` and `baselines.llm` write them into `Agent.describe()`; another agent that writes the same gets the
same figures. A figure that is missing or null was not measured, which is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from leaderboard.usage import as_mapping

LONG: Final = 32  # entries of a list that is worth keeping at every point

Figure = float | None


def calls_per_decision(facts: Mapping[str, Any]) -> Figure:
    """Calls of the language model for each item shown."""
    return _number(facts.get("calls_per_decision"))


def tokens_per_decision(facts: Mapping[str, Any]) -> Figure:
    """Tokens read and written for each item shown."""
    usage, decisions = as_mapping(facts.get("usage")), _number(facts.get("decisions"))
    read, written = _number(usage.get("input_tokens")), _number(usage.get("output_tokens"))
    return None if read is None or written is None or not decisions else (read + written) / decisions


def prompt_characters(facts: Mapping[str, Any]) -> Figure:
    """Characters of a prompt, on average over the calls."""
    return _number(facts.get("prompt_characters_per_call"))


def reusable_prefix(facts: Mapping[str, Any]) -> Figure:
    """Share of the prompts' characters that a prefix cache could reuse."""
    return _number(facts.get("reusable_prefix_share"))


def repaired(facts: Mapping[str, Any]) -> Figure:
    """Share of the answers that had to be asked for once more."""
    return _share_of_answers(facts, "repaired")


def fallback(facts: Mapping[str, Any]) -> Figure:
    """Share of the answers that could not be read at all."""
    return _share_of_answers(facts, "fallback")


def critic_auc(facts: Mapping[str, Any]) -> Figure:
    """Chance that the Critic values a step at which the user stays above one at which the user leaves."""
    return _number(as_mapping(facts.get("critic")).get("auc"))


def leaving_brier(facts: Mapping[str, Any]) -> Figure:
    """Mean squared error of the chances of leaving that the agent tells (Brier score); lower is better."""
    return _number(as_mapping(facts.get("risk")).get("brier"))


def memory_records(facts: Mapping[str, Any]) -> Figure:
    """Records in all memories together, or reflections in a list of them."""
    sizes = [_number(as_mapping(size).get("records")) for size in as_mapping(facts.get("memories")).values()]
    if sizes:
        return None if None in sizes else sum(size for size in sizes if size is not None)
    reflections = facts.get("reflections")
    return float(len(reflections)) if isinstance(reflections, list) else None


def memory_hits(facts: Mapping[str, Any]) -> Figure:
    """Share of decisions whose very state the Actor's memory holds."""
    counts = [_number(count) for count in as_mapping(facts.get("actor_memory")).values()]
    same, total = _number(as_mapping(facts.get("actor_memory")).get("same")), sum(c for c in counts if c is not None)
    return (same or 0.0) / total if total else None


FIGURES: Final[dict[str, Callable[[Mapping[str, Any]], Figure]]] = {
    figure.__name__: figure
    for figure in (
        calls_per_decision,
        tokens_per_decision,
        prompt_characters,
        reusable_prefix,
        repaired,
        fallback,
        critic_auc,
        leaving_brier,
        memory_records,
        memory_hits,
    )
}


def measures(facts: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Each figure's mean over training seeds; None where any does not tell."""
    table = {name: [figure(f) for f in facts] for name, figure in FIGURES.items()}
    return {
        name: None if None in values else sum(v for v in values if v is not None) / len(values)
        for name, values in table.items()
    }


def brief(value: Any) -> Any:
    """JSON without its long lists, which a point of a curve has no use for, and without times, which differ."""
    if isinstance(value, Mapping):
        kept = {key: brief(part) for key, part in value.items() if key != "waited_seconds"}
        return {key: part for key, part in kept.items() if not (isinstance(part, list) and len(part) > LONG)}
    return [brief(part) for part in value] if isinstance(value, list) else value


def _share_of_answers(facts: Mapping[str, Any], kind: str) -> Figure:
    """A share over all roles together, each counted by its answers."""
    roles = [as_mapping(role) for role in as_mapping(facts.get("answers")).values()]
    pairs = [(_number(role.get("answers")), _number(role.get(kind))) for role in roles]
    known = [(answers, share) for answers, share in pairs if answers is not None and share is not None]
    total = sum(answers for answers, _ in known)
    return sum(answers * share for answers, share in known) / total if total and len(known) == len(pairs) else None


def _number(value: Any) -> Figure:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
