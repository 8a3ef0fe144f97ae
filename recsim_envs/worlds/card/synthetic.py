"""The section of a generated world's card: facts that its recipe was made to meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsim_envs.worlds.card.blocks import Section, Table


def facts(card: Mapping[str, Any]) -> Section:
    """Each fact as found in the world and as recorded, and whether both agree within its tolerance."""
    who = "random" if card["protocol"]["recommender"] == "random" else "competent"
    rows = []
    for name, row in card["facts"].items():
        known = "recorded" in row
        target = f"{row['recorded']:.3f} ± {row['tolerance']:.3f}" if known else ""
        verdict = ("yes" if abs(row["world"] - row["recorded"]) <= row["tolerance"] else "no") if known else ""
        rows.append((name.replace("_", " "), f"{row['world']:.3f}", target, verdict))
    head = ("fact", "this world", "recorded", "within tolerance")
    return Section(f"Facts as a {who} recommender sees them", [Table(head, rows)])
