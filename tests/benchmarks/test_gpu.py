"""Steps a second of training on a GPU beside the processor's: PPO by interaction, DORL from a log. Skipped without one.

pytest tests/benchmarks/test_gpu.py --benchmark-enable --benchmark-only -rs
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from baselines.offline.dorl import DORLAgent
from baselines.online.ppo import PPOAgent
from recsim_envs.spec import Budget
from tests.baselines.support import FakeDoor, FakeLog

STEPS, UPDATES = 16_384, 50
SMALL = 512, 2  # where nothing is timed
DEVICES = ["cpu", "cuda"]


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip(f"NO GPU HERE: torch {torch.__version__} finds none, so nothing is known of training on one")
    return str(request.param)


@pytest.mark.parametrize("device", DEVICES, indirect=True)
def test_gpu_ppo(benchmark: Any, device: str) -> None:
    steps = STEPS if benchmark.enabled else SMALL[0]
    agent = PPOAgent(num_envs=min(256, steps // 16), device=device)
    agent.train(FakeDoor("games", Budget(steps=steps // 4)), 0)  # warm
    benchmark.extra_info["steps"] = steps
    benchmark.pedantic(lambda: agent.train(FakeDoor("games", Budget(steps=steps)), 0), rounds=1)
    assert all(torch.isfinite(weight).all() and weight.device.type == "cpu" for weight in agent._weights.values())


@pytest.mark.parametrize("device", DEVICES, indirect=True)
def test_gpu_dorl(benchmark: Any, device: str) -> None:
    updates = UPDATES if benchmark.enabled else SMALL[1]
    agent, log = DORLAgent(device=device, updates=updates, model_updates=updates), FakeLog("games", 4 * updates)
    agent.learn(log, 0)
    benchmark.extra_info["steps"] = updates
    benchmark.pedantic(lambda: agent.learn(log, 0), rounds=1)
