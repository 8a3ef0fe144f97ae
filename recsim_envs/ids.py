"""The ids of the package: which family, with which options. Nothing is imported for them."""

from __future__ import annotations

from typing import Any, Final

NAMESPACE: Final = "longrec/"


def robustness(
    name: str, world: dict[str, Any], *, churn: int, noise: float, click_at: float
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The robustness variants of a departure environment: what changes, and what is told less, later or wrongly."""
    told = {"of": "departure", **world}
    return {
        f"{name}Shift-v0": ("changing-departure", world | {"shift": 1.0}),
        f"{name}Drift-v0": ("changing-departure", world | {"drift": 10}),
        f"{name}Churn-v0": ("changing-departure", world | {"churn": churn}),
        f"{name}Delayed-v0": ("feedback", told | {"delay": 5}),
        f"{name}Noisy-v0": ("feedback", told | {"noise": noise}),
        f"{name}History-v0": ("feedback", told | {"observe": "history"}),
        f"{name}Clicks-v0": ("feedback", told | {"observe": "clicks", "click_at": click_at}),
    }


BUILTIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    # Users who leave when items are too alike or too poor.
    "Games-v0": ("departure", {"world": "games"}),
    "Books-v0": ("departure", {"world": "books"}),
    "Videos-v0": ("departure", {"world": "videos"}),
    # The same where the step at which a user leaves earns its reward, so that what leaving costs is the future.
    "GamesTempting-v0": ("departure", {"world": "games", "leaving_pays": True}),
    "BooksTempting-v0": ("departure", {"world": "books", "leaving_pays": True}),
    # The same where something is not as an agent may have come to expect.
    **robustness("Games", {"world": "games", "leaving_pays": True}, churn=10, noise=1.0, click_at=4.0),
    **robustness("Videos", {"world": "videos"}, churn=5, noise=0.5, click_at=1.0),
    # Users who tire of the topics that they click too often.
    "SingleItemStatic-v0": ("boredom", {"layout": "single", "variant": "static"}),
    "SingleItemBored-v0": ("boredom", {"layout": "single", "variant": "bored"}),
    "SingleItemBoredInfluence-v0": ("boredom", {"layout": "single", "variant": "influence"}),
    "SingleItemUncertain-v0": ("boredom", {"layout": "single", "variant": "uncertain"}),
    "SlateTopKStatic-v0": ("boredom", {"layout": "topk", "variant": "static"}),
    "SlateTopKBored-v0": ("boredom", {"layout": "topk", "variant": "bored"}),
    "SlateTopKBoredInfluence-v0": ("boredom", {"layout": "topk", "variant": "influence"}),
    "SlateTopKUncertain-v0": ("boredom", {"layout": "topk", "variant": "uncertain"}),
    "SlateRerankStatic-v0": ("boredom", {"layout": "rerank", "variant": "static"}),
    "SlateRerankBored-v0": ("boredom", {"layout": "rerank", "variant": "bored"}),
    "SlateRerankBoredInfluence-v0": ("boredom", {"layout": "rerank", "variant": "influence"}),
    "SlateRerankUncertain-v0": ("boredom", {"layout": "rerank", "variant": "uncertain"}),
    # Users who answer slates with seven behaviours, and whose temper runs out.
    "Session-v0": ("session", {"mode": "session"}),
    "Request-v0": ("session", {"mode": "request"}),
    # Users who come back sooner, later, or never.
    "Retention-v0": ("retention", {"reward": "both"}),
    "RetentionSessions-v0": ("retention", {"reward": "sessions"}),
    "RetentionDays-v0": ("retention", {"reward": "days"}),
    # Users with a budget of time, with hidden types, with a satisfaction that clickbait wears out.
    "InterestEvolution-v0": ("interest-evolution", {}),
    "InterestExploration-v0": ("interest-exploration", {}),
    "LongTermSatisfaction-v0": ("satisfaction", {}),
}
"""Id without namespace -> (family, options)."""


def builtin_ids() -> list[str]:
    """All of them with their namespace, in this order."""
    return [NAMESPACE + name for name in BUILTIN]
