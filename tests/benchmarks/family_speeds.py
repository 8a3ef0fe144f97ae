"""What is timed of each family, and what was hoped for: user-steps a second at 1,024 lanes on one core."""

from __future__ import annotations

from typing import Any, Final

LANES: Final = 1024
STEPS: Final = 16

FAMILIES: Final[dict[str, tuple[str, dict[str, Any], float]]] = {
    "departure": ("longrec/Games-v0", {}, 5e6),
    "departure by category": ("longrec/Videos-v0", {}, 5e6),
    "interest evolution, 10 candidates": ("longrec/InterestEvolution-v0", {"num_candidates": 10}, 1e6),
    "interest evolution, 1,000": ("longrec/InterestEvolution-v0", {"num_candidates": 1000}, 2e4),
    "interest exploration, 10": ("longrec/InterestExploration-v0", {"num_candidates": 10}, 1e6),
    "interest exploration, 1,000": ("longrec/InterestExploration-v0", {"num_candidates": 1000}, 2e4),
    "long-term satisfaction, 10": ("longrec/LongTermSatisfaction-v0", {"num_candidates": 10}, 1e6),
    "long-term satisfaction, 1,000": ("longrec/LongTermSatisfaction-v0", {"num_candidates": 1000}, 2e4),
    "boredom, single item": ("longrec/SingleItemBored-v0", {}, 5e5),
    "boredom, slate": ("longrec/SlateTopKBored-v0", {}, 5e5),
    "session": ("longrec/Session-v0", {}, 1e4),
    "retention": ("longrec/Retention-v0", {}, 5e5),
}
"""Name -> (id, options, target)."""
