"""Small networks and mini-batches with known numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.offline.replay import Steps
from baselines.scores import worth


class Fixed(nn.Module):
    """Says of state s, a row number under "row", what its tables say: scores (states, n) and values (states,)."""

    def __init__(self, **tables: torch.Tensor) -> None:
        super().__init__()
        self.tables = nn.ParameterDict({name: nn.Parameter(table) for name, table in tables.items()})

    def forward(self, state: dict[str, torch.Tensor], allowed: torch.Tensor | None = None) -> FixedTold:
        told = {name: table[state["row"]] for name, table in self.tables.items()}
        return FixedTold(
            {k: v if allowed is None or v.ndim == 1 else v.masked_fill(~allowed, -1e8) for k, v in told.items()}
        )


class FixedTold(dict[str, torch.Tensor]):
    """What `baselines.offline.network.Told` is for, of tables."""

    def worth(self, name: str, actions: torch.Tensor) -> torch.Tensor:
        return worth(self[name], actions)


def steps(count: int = 6, items: int = 5, size: int = 1, seed: int = 0, **changes: Any) -> Steps:
    """Random steps between the states 0..count-1 and count..2 count - 1; the last one leaves."""
    draw = torch.Generator().manual_seed(seed)
    actions = torch.stack([torch.randperm(items, generator=draw)[:size] for _ in range(count)])
    ended = torch.zeros(count)
    ended[-1] = 1
    known = {
        "rows": torch.arange(count), "state": {"row": torch.arange(count)}, "actions": actions,
        "rewards": torch.rand(count, generator=draw), "next_state": {"row": torch.arange(count, 2 * count)},
        "ended": ended, "allowed": None, "next_allowed": None,
    }  # fmt: skip
    return Steps(**(known | changes))


def table(count: int = 12, items: int = 5, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, items, generator=torch.Generator().manual_seed(seed))
