"""Saved policies play as they were saved, and nothing that is pickled is read."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from leaderboard.hosting.adapters import SB3Policy, TorchPolicy
from recsim_envs.errors import AgentError
from tests.leaderboard.conftest import ENV

torch = pytest.importorskip("torch")
sb3 = pytest.importorskip("stable_baselines3")


class Net(torch.nn.Module):
    """Scores all 60 items of the tiny world by the length of the session."""

    def __init__(self) -> None:
        super().__init__()
        self.items = torch.nn.Linear(1, 60)

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.items(observations["length"].float())


class Squash(torch.nn.Tanh):
    """An activation that torch does not have."""


@pytest.fixture
def played(world_path):
    """A task and what its users show at the start of four sessions; repeats are forbidden."""
    options = {"world": str(world_path), "protocol": "NX_0"}
    env = gymnasium.make_vec(ENV, 4, "vector_entry_point", **options)
    observations, _ = env.reset(seed=1)
    return env.unwrapped.task, observations, gymnasium.make(ENV, **options)


def allowed(*forbidden):
    mask = np.ones((4, 60), np.int8)
    mask[:, list(forbidden)] = 0
    return {"action_mask": mask}


def saved(algorithm, env, path, **options):
    model = algorithm("MultiInputPolicy", env, device="cpu", seed=0, **options)
    model.save(path)
    return model


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PPO", {"n_steps": 8, "batch_size": 8}),
        ("DQN", {"buffer_size": 50, "policy_kwargs": {"net_arch": [8]}}),
        ("A2C", {}),  # whose optimizer is a class
        ("PPO", {"n_steps": 8, "batch_size": 8, "policy_kwargs": {"activation_fn": torch.nn.ReLU, "net_arch": [8]}}),
    ],
)
def test_what_sb3_saved(played, tmp_path, name, options):
    task, observations, env = played
    model = saved(getattr(sb3, name), env, tmp_path / "model.zip", **options)
    agent = SB3Policy(path=str(tmp_path / "model.zip"), algorithm=f"stable_baselines3:{name}")
    agent.reset(task, 4, 0)
    chosen = agent.act(observations, {}, None)
    assert chosen.tolist() == model.predict(observations, deterministic=True)[0].tolist()
    others = agent.act(observations, allowed(*set(chosen.tolist())), None)
    assert not set(chosen.tolist()) & set(others.tolist())
    assert agent.describe()["loaded"]["file"] == "model.zip"


def test_classes_in_a_zip_are_not_read(played, tmp_path):
    task, _, env = played
    saved(sb3.PPO, env, tmp_path / "model.zip", n_steps=8, batch_size=8, policy_kwargs={"activation_fn": Squash})
    with pytest.raises(AgentError, match=r"activation_fn of policy_kwargs is <class .*Squash.*, which is pickled"):
        SB3Policy(path=str(tmp_path / "model.zip")).reset(task, 4, 0)


def test_weights_of_another_policy(played, tmp_path):
    task, _, env = played
    saved(sb3.PPO, env, tmp_path / "model.zip", n_steps=8, batch_size=8)
    with pytest.raises(AgentError, match="does not fit the policy on this environment"):
        SB3Policy(path=str(tmp_path / "model.zip"), algorithm="stable_baselines3:DQN").reset(task, 4, 0)


@pytest.mark.parametrize("kind", ["safetensors", "pt", "script"])
def test_what_torch_saved(played, tmp_path, kind):
    task, observations, _ = played
    net, path = Net(), tmp_path / f"net.{kind}"
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(net.state_dict(), path)
    elif kind == "pt":
        torch.save(net.state_dict(), path)
    else:
        torch.jit.trace(net, ({"length": torch.zeros(4, 1)},), strict=False).save(path)
    agent = TorchPolicy(path=str(path), module="" if kind == "script" else f"{__name__}:Net")
    agent.reset(task, 4, 0)
    best = net({"length": torch.zeros(4, 1)}).argmax(dim=1)
    assert agent.act(observations, {}, None).tolist() == best.tolist()


def test_files_that_are_none(played, tmp_path):
    with pytest.raises(AgentError, match="is no file; give the saved policy as -p path=FILE"):
        SB3Policy()
    (tmp_path / "model.zip").write_text("no zip")
    with pytest.raises(AgentError, match="was not saved by Stable-Baselines3"):
        SB3Policy(path=str(tmp_path / "model.zip")).reset(played[0], 4, 0)
    torch.save({}, tmp_path / "net.pt")
    with pytest.raises(AgentError, match="'nowhere:Net' cannot be imported"):
        TorchPolicy(path=str(tmp_path / "net.pt"), module="nowhere:Net").reset(played[0], 4, 0)
