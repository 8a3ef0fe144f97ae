"""A gated recurrent unit over what a user was given: the prediction of the next item depends on the session.

value = mean + b_u + b_i + <p_u + h W, q_i>: biased factorisation (see `mf`) whose user also has a state h. A GRU (Cho
et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, in torch.nn.GRU's form) moves h by
every item and the value that it was given, as in Hidasi et al., "Session-based recommendations with recurrent neural
networks", ICLR 2016, but for values instead of clicks. One of the factors of items is fixed at 1 and has no partner
among those of users, so that a state can also raise or lower everything.

It is trained on pieces of the users' rows, each row predicted from those before it. The first piece of a user starts
from h = 0, each other from where the one before it ended when it was last trained on (truncated backpropagation). The
penalty on a user's own factors and bias counts once a user, not once a row: who has a short log leans on the state.
A user's bias starts from zero, not from the fitted one: that one knows the rows to come, and a state would learn to
undo it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding

from recsim_envs.worlds.logs.log import Interactions
from recsim_envs.worlds.models.base import Task, UserModel, blocks
from recsim_envs.worlds.models.learner import Learner
from recsim_envs.worlds.models.parameters import Scale, bias_arrays, drawn, one_thread, plain, start_biases
from recsim_envs.worlds.models.sequences import Pieces, carry, user_rows
from recsim_envs.worlds.models.training import train

_RATE: Final = 0.008
_ITEM_DECAY: Final = 0.1  # a row
_BIAS_DECAY: Final = 0.02  # a row, of items
_USER_DECAY: Final = 10.0  # a user: of factors and bias, as if so many more rows spoke for neither
_WEIGHT_DECAY: Final = 160.0  # once for all rows, of the unit's weights


class GRU(UserModel):
    """A fitted one; `arrays` as the reward model "gru" of a world has them."""

    name = "gru"
    reward_model = "gru"
    sequential = True

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions (n,) for pairs of users and items, with the states after the users' whole logs."""
        out = np.empty(len(users))
        with one_thread():
            for block in blocks(len(out)):
                states = torch.from_numpy(self.arrays["user_states"][users[block]])
                out[block] = self._asked(users[block], items[block], states)
        return out

    def predict_rows(self, log: Interactions, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Predictions (k,) of rows of a log that is sorted by user and time, each from its user's rows before it."""
        count = len(self.arrays["user_bias"])
        lengths = np.zeros(count, np.int64)
        np.maximum.at(lengths, log.users[rows], rows - user_rows(log, count)[log.users[rows]] + 1)
        wanted = np.zeros(len(log), bool)
        wanted[rows] = True
        found = np.empty(len(log))

        def visit(passed: NDArray[np.int64], states: torch.Tensor) -> None:
            asked = np.flatnonzero(wanted[passed])
            of = passed[asked]
            found[of] = self._asked(log.users[of], log.items[of], states[torch.from_numpy(asked)])

        with one_thread():
            carry(self.arrays, log, lengths, visit)
        return found[rows]

    def _asked(self, users: NDArray[Any], items: NDArray[Any], states: torch.Tensor) -> NDArray[np.float64]:
        arrays = self.arrays
        looked_for = arrays["user_factors"][users] + (states @ torch.from_numpy(arrays["query_weights"])).numpy()
        inner = np.einsum("nk,nk->n", looked_for, arrays["item_factors"][items], dtype=np.float64)
        return arrays["user_bias"][users].astype(np.float64) + arrays["item_bias"][items] + inner

    def item_vectors(self) -> NDArray[np.float32]:
        """The items' factors, float32 (items, rank), without the one that is 1 for all."""
        return self.arrays["item_factors"][:, :-1]

    def after(self, log: Interactions) -> GRU:
        """The same weights, with the states after each user's whole log."""
        lengths = np.diff(user_rows(log, len(self.arrays["user_bias"])))
        with one_thread():
            states = carry(self.arrays, log, lengths).numpy()
        return replace(self, arrays=self.arrays | {"user_states": states})


class _Learner(Learner):
    rate = _RATE
    steps = 120
    least = 256
    users: torch.Tensor
    items: torch.Tensor
    targets: torch.Tensor
    starts: torch.Tensor
    lengths: torch.Tensor
    continued: torch.Tensor
    shares: torch.Tensor
    states: torch.Tensor
    usual: torch.Tensor
    gates: torch.nn.GRU

    def __init__(self, task: Task) -> None:
        super().__init__()
        how, sizes, rows, seed = task.how, task.sizes, task.train, task.seed
        self.scale, self.width = Scale.of(rows), how.width
        pieces = Pieces.of(rows, sizes.num_users, how.sequence)
        self.units, self.rows_a_unit = len(pieces.starts), len(rows) / len(pieces.starts)
        for name, value in {"users": rows.users, "items": rows.items, **vars(pieces)}.items():
            self.register_buffer(name, torch.from_numpy(value), persistent=False)
        self.register_buffer("targets", self.scale.apply(rows), persistent=False)
        self.register_buffer("states", torch.zeros(len(pieces.starts), how.width))  # where each piece starts from
        _, self.item_bias = start_biases(task, self.scale)
        self.user_bias = torch.nn.Parameter(torch.zeros(sizes.num_users, 1))
        usual = self.item_bias.detach().clone()  # a value says more beside what the item usually gets
        self.register_buffer("usual", usual, persistent=False)
        self.user_factors = drawn("user factors", seed, sizes.num_users, how.rank)
        self.item_factors = drawn("item factors", seed, sizes.num_items, how.rank)
        with torch.random.fork_rng(devices=[]):  # it draws weights, which are not used
            self.gates = torch.nn.GRU(how.rank + 1, how.width, batch_first=True)
        for name, weight in self.gates.named_parameters():
            weight.data = drawn(name, seed, *weight.shape, spread=how.width**-0.5).data
        self.query_weights = torch.nn.Parameter(torch.zeros(how.width, how.rank + 1))
        self.decay = _ITEM_DECAY if how.factor_decay is None else how.factor_decay

    def loss(self, chosen: torch.Tensor) -> torch.Tensor:
        starts, lengths = self.starts[chosen], self.lengths[chosen]
        steps = torch.arange(int(lengths.max()), device=starts.device)
        real = (steps < lengths[:, None]).float()
        rows = starts[:, None] + torch.minimum(steps, lengths[:, None] - 1)
        users, items, targets = self.users[starts], self.items[rows], self.targets[rows]
        q, item_bias = embedding(items, self.item_factors), embedding(items, self.item_bias)[..., 0]
        p, user_bias = embedding(users, self.user_factors), embedding(users, self.user_bias)
        before = self._states(chosen, q, targets - self.usual[items][..., 0])
        looked_for = before @ self.query_weights
        inner = ((p[:, None] + looked_for[..., :-1]) * q).sum(2) + looked_for[..., -1]
        errors = targets - user_bias - item_bias - inner
        each_row = errors.square() + self.decay * q.square().sum(2) + _BIAS_DECAY * item_bias.square()
        each_user = _USER_DECAY * (p.square().sum(1) + user_bias.square()[:, 0]) * self.shares[chosen]
        weights = torch.stack([weight.square().sum() for weight in self.gates.parameters()]).sum()
        return ((each_row * real).sum() + each_user.sum()) / real.sum() + _WEIGHT_DECAY / len(self.targets) * weights

    def _states(self, chosen: torch.Tensor, q: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """The states before each row (batch, steps, width). Those at the ends are kept for the pieces that go on."""
        first = self.states[chosen]
        after, _ = self.gates(torch.cat([q, values[..., None]], 2), first[None])
        on = torch.nonzero(self.continued[chosen])[:, 0]
        self.states[chosen[on].long() + 1] = after[on, self.lengths[chosen][on] - 1].detach()
        return torch.cat([first[:, None], after[:, :-1]], 1)

    @torch.no_grad()
    def export(self) -> GRU:
        spread, root, weights = self.scale.spread, self.scale.spread**0.5, dict(self.gates.named_parameters())
        users, items, query = self.user_factors, self.item_factors, self.query_weights
        given, value_gates = weights["weight_ih_l0"][:, :-1], weights["weight_ih_l0"][:, -1] / spread
        usual = self.scale.mean + spread * self.usual  # what is taken off a value is put onto its item's gates
        item_gates = items @ given.T + weights["bias_ih_l0"] - usual * value_gates
        arrays = bias_arrays(self.scale, self.user_bias, self.item_bias) | {
            "user_factors": plain(torch.cat([users, users.new_zeros(len(users), 1)], 1) * root),
            "item_factors": plain(torch.cat([items * root, items.new_ones(len(items), 1)], 1)),
            "user_states": np.zeros((len(users), self.width), np.float32),
            "item_gates": plain(item_gates).reshape(-1, 3, self.width),
            "value_gates": plain(value_gates).reshape(3, self.width),
            "hidden_gates": plain(weights["weight_hh_l0"].T).reshape(self.width, 3, self.width),
            "hidden_bias": plain(weights["bias_hh_l0"]).reshape(3, self.width),
            "query_weights": plain(torch.cat([query[:, :-1] * root, query[:, -1:] * spread], 1)),
        }
        return GRU(arrays, 0, np.nan)


def fit(task: Task) -> UserModel:
    """Fit the network and leave every user in the state after the training rows; see `fit_model`."""
    user_rows(task.train, task.sizes.num_users)
    with one_thread():
        return train(_Learner(task), task).after(task.train)
