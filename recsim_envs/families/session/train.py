"""Train the shipped response model: `python -m recsim_envs.families.session.train`.

Deterministic for given options and versions of torch, on one thread, in about two minutes. The log is invented
(`synthetic_log`), the network is `torch_model.ResponseNet`; its seven biases are set last, so that under the logging
policy the environment itself, fatigue included, has the behaviour rates of KuaiRand.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from recsim_envs import rng
from recsim_envs.families.session import synthetic_log
from recsim_envs.families.session.response import WEIGHTS, ResponseModel
from recsim_envs.families.session.rules import REWARD_WEIGHTS
from recsim_envs.families.session.simulator import SessionSimulator
from recsim_envs.families.session.synthetic_log import BEHAVIOURS, CLICK, LONG_VIEW, RATES, Log, Videos
from recsim_envs.families.session.torch_model import ResponseNet
from recsim_envs.files import atomic_file

BATCH = 128
LEARNING_RATE = 5e-3
PROFILES = 2048
PSEUDO_OBSERVATIONS = 10


def train(log: Log, catalogue: Videos, epochs: int, seed: int) -> ResponseNet:
    """Fit the network to nine users of ten; print the loss on the tenth after every epoch."""
    torch.manual_seed(seed)
    net = ResponseNet(catalogue.attributes)
    tensors = [torch.from_numpy(log.features).long(), torch.from_numpy(log.items).long()]
    tensors.append(torch.from_numpy(log.responses).float())
    users = len(log.features)
    held_out = [t[users * 9 // 10 :] for t in tensors]
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    for epoch in range(epochs):
        started = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (1 - epoch / epochs)
        for batch in torch.split(torch.randperm(users * 9 // 10), BATCH):
            optimiser.zero_grad()
            torch.autograd.backward(losses(net, *(t[batch] for t in tensors)).sum())
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
        with torch.no_grad():
            told = ", ".join(f"{n} {x:.4f}" for n, x in zip(BEHAVIOURS, losses(net, *held_out).tolist(), strict=True))
        print(
            f"epoch {epoch + 1} of {epochs}, {time.perf_counter() - started:.0f} s, held-out loss: {told}", flush=True
        )
    return net


def losses(net: ResponseNet, features: Tensor, items: Tensor, responses: Tensor) -> Tensor:
    """Mean cross entropy of each behaviour (7,); that of long views among the clicks."""
    each = binary_cross_entropy_with_logits(net(features, items, responses), responses, reduction="none")
    counted = torch.ones_like(each)
    counted[..., LONG_VIEW] = responses[..., CLICK]
    return (each * counted).sum((0, 1, 2)) / counted.sum((0, 1, 2))


def assemble(net: ResponseNet, log: Log, catalogue: Videos) -> ResponseModel:
    """The folded network beside the catalogue and what the log says of it."""
    count = len(catalogue.fame)
    items, earned = log.items.ravel(), log.responses.reshape(-1, len(BEHAVIOURS)) @ np.array(REWARD_WEIGHTS)
    popularity = np.bincount(items, minlength=count)
    total = np.bincount(items, earned, count) + PSEUDO_OBSERVATIONS * earned.mean()
    mean = (total / (popularity + PSEUDO_OBSERVATIONS)).astype(np.float32)
    return ResponseModel(
        net.fold(), catalogue.attributes, catalogue.fame, popularity, mean, log.features[:PROFILES].copy()
    )


def calibrate(model: ResponseModel, rounds: int = 6, lanes: int = 2048) -> ResponseModel:
    """Shift the biases until the expected rates under the logging policy are KuaiRand's."""
    wanted = RATES.copy()
    wanted[LONG_VIEW] /= wanted[CLICK]
    for _ in range(rounds):
        found = logging_rates(model, lanes)
        print("rates under the logging policy:", " ".join(f"{r:.6f}" for r in found), flush=True)
        found[LONG_VIEW] /= found[CLICK]
        shift = np.log(wanted / (1 - wanted)) - np.log(found / (1 - found))
        bias = (model.arrays.bias + shift).astype(np.float32)
        model = replace(model, arrays=model.arrays._replace(bias=bias))
    return model


def logging_rates(model: ResponseModel, lanes: int, requests: int = 10) -> NDArray[np.float64]:
    """Expected rates (7,) over the first requests of sessions in which slates are drawn by fame."""
    simulator = SessionSimulator(lanes, model=model, initial_temper=1e6)
    simulator.begin(np.arange(lanes), rng.bits_array(0, np.arange(lanes), rng.POLICY))
    total = np.zeros(len(BEHAVIOURS))
    for r in range(requests):
        slates = synthetic_log.drawn_by_fame(model.fame, 0, 1_000_000 + r, np.arange(lanes))
        total += simulator.chances(slates).mean((0, 1))
        simulator.step(slates)
    return total / requests


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m recsim_envs.families.session.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="file to write (default: the one in the package)")
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--users", type=int, default=16_000)
    parser.add_argument("--requests", type=int, default=15, help="requests a user in the log")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    catalogue = synthetic_log.videos(options.videos, options.seed)
    log = synthetic_log.generate(catalogue, options.users, options.requests, options.seed)
    print("rates of the log:", " ".join(f"{r:.6f}" for r in log.responses.mean((0, 1, 2))), flush=True)
    net = train(log, catalogue, options.epochs, options.seed)
    model = calibrate(assemble(net, log, catalogue))
    with atomic_file(options.out) as scratch:  # whoever reads meanwhile finds the old file whole or the new one
        scratch.write_bytes(model.to_bytes())
    print(f"wrote {options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
