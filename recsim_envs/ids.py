"""The ids of the package: which family, with which options. Nothing is imported for them."""

from __future__ import annotations

from typing import Any, Final

NAMESPACE: Final = "longrec/"

BUILTIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    # Users who leave when items are too alike or too poor.
    "Games-v0": ("departure", {"world": "games"}),
    "Books-v0": ("departure", {"world": "books"}),
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
