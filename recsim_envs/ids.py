"""The ids of the package: which family, with which options. Nothing is imported for them."""

from __future__ import annotations

from typing import Any, Final

NAMESPACE: Final = "longrec/"

BUILTIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    # Users who leave when items are too alike or too poor.
    "Games-v0": ("departure", {"world": "games"}),
    "Books-v0": ("departure", {"world": "books"}),
    # Users who come back sooner, later, or never.
    "Retention-v0": ("retention", {"reward": "both"}),
    "RetentionSessions-v0": ("retention", {"reward": "sessions"}),
    "RetentionDays-v0": ("retention", {"reward": "days"}),
}
"""Id without namespace -> (family, options)."""
