"""The response model in torch, for training only; `fold` turns it into the arrays that the kernel computes with."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recsim_envs.families.session.response import Arrays
from recsim_envs.families.session.synthetic_log import ATTRIBUTES, BEHAVIOURS, CLICK, FEATURES, LONG_VIEW, RATES

HIDDEN = 32
WIDTH = 16  # of an item's encoding and of a query
_COUNT = len(BEHAVIOURS)
_SHARES = [float(r) for r in RATES]
_SHARES[LONG_VIEW] /= _SHARES[CLICK]


class ResponseNet(nn.Module):
    """Seven probabilities an item, from the user's features and everything they were shown.

    items: int64 (n, 5) attributes of the catalogue. An item's encoding is the layer-normed sum of embeddings of its
    number and attributes; a recurrent unit reads encodings and responses; a normalised query a behaviour is matched
    with the encodings (KuaiSim's user response model has a transformer in place of the recurrent unit).
    """

    attributes: Tensor

    def __init__(self, attributes: NDArray[np.int32]) -> None:
        super().__init__()
        self.register_buffer("attributes", torch.from_numpy(attributes.astype(np.int64)))
        self.own = nn.Embedding(len(attributes), WIDTH)
        self.of_attributes = _tables(ATTRIBUTES)
        self.of_features = _tables(FEATURES)
        self.first = nn.Linear(WIDTH, HIDDEN)
        self.recurrent = nn.GRU(WIDTH + _COUNT, HIDDEN, batch_first=True)
        self.query = nn.Linear(HIDDEN + WIDTH, _COUNT * WIDTH)
        self.scale = nn.Parameter(torch.full((_COUNT,), 4.0))
        self.bias = nn.Parameter(torch.tensor([math.log(r / (1 - r)) for r in _SHARES]))
        for table in (self.own, *self.of_attributes, *self.of_features):
            nn.init.normal_(table.weight, std=0.3)

    def encodings(self) -> Tensor:
        """Item encodings (n, WIDTH)."""
        columns = self.attributes.unbind(1)
        total = self.own.weight + sum(table(c) for table, c in zip(self.of_attributes, columns, strict=True))
        return nn.functional.layer_norm(total, (WIDTH,))

    def forward(self, features: Tensor, items: Tensor, responses: Tensor) -> Tensor:
        """Logits (u, r, 6, 7) of all responses, each from what came before its request; of a long view, given a click.

        features: int64 (u, 13); items: int64 (u, r, 6); responses: float32 (u, r, 6, 7).
        """
        users, requests, slate = items.shape
        user = torch.stack([table(features[:, k]) for k, table in enumerate(self.of_features)]).sum(0)
        start = torch.tanh(self.first(user))
        shown = self.encodings()[items]
        inputs = torch.cat([shown, responses], -1).reshape(users, requests * slate, -1)
        after, _ = self.recurrent(inputs, start[None])
        before = torch.cat([start[:, None], after[:, slate - 1 :: slate][:, :-1]], 1)
        asked = self.query(torch.cat([before, user[:, None].expand(-1, requests, -1)], -1))
        queries = nn.functional.layer_norm(asked.reshape(users, requests, _COUNT, WIDTH), (WIDTH,))
        fits = torch.einsum("urbd,urkd->urkb", queries, shown) / WIDTH
        return self.scale * fits + self.bias

    @staticmethod
    def chances(logits: Tensor) -> Tensor:
        """Probabilities from logits: that of a long view is given a click, and so times the chance of one."""
        given = torch.sigmoid(logits)
        among = torch.ones_like(given)
        among[..., LONG_VIEW] = given[..., CLICK]
        return given * among

    @torch.no_grad()
    def fold(self) -> Arrays:
        """The network as the arrays of the compiled kernel, products with constants carried out."""
        items, values = self.encodings(), torch.cat([table.get_parameter("weight") for table in self.of_features])
        into, query = self.recurrent.get_parameter("weight_ih_l0"), self.query.weight
        folded = {
            "items": items,
            "item_gates": items @ into[:, :WIDTH].T + self.recurrent.get_parameter("bias_ih_l0"),
            "response_gates": into[:, WIDTH:].T,
            "hidden_gates": self.recurrent.get_parameter("weight_hh_l0").T,
            "hidden_bias": self.recurrent.get_parameter("bias_hh_l0"),
            "start_users": values @ self.first.weight.T,
            "start_bias": self.first.bias,
            "query_hidden": query[:, :HIDDEN].T,
            "query_users": values @ query[:, HIDDEN:].T,
            "query_bias": self.query.bias,
            "scale": self.scale,
            "bias": self.bias,
        }
        return Arrays(**{name: np.array(t.detach().numpy(), np.float32, order="C") for name, t in folded.items()})


def _tables(sizes: Mapping[str, int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Embedding(size, WIDTH) for size in sizes.values())
