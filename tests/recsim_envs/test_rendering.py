"""Pictures of sessions: Gymnasium's contract, what is recorded, and that nobody else pays for it."""

from __future__ import annotations

import builtins
import copy
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

import recsim_envs
from recsim_envs.errors import ConfigurationError, InvalidActionError
from recsim_envs.faces.env import SimulatorEnv
from recsim_envs.faces.vector import SimulatorVectorEnv
from recsim_envs.families.base import Shown
from recsim_envs.ids import builtin_ids
from recsim_envs.rendering.__main__ import main
from recsim_envs.rendering.lifeline import HEIGHT, MOST_STEPS, WIDTH, Columns, Panel, draw
from recsim_envs.rendering.lives import Life, Moment
from tests.recsim_envs.wrappers.slates import FAMILY

SHAPE = (HEIGHT, WIDTH, 3)


def is_picture(image):
    return isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape == SHAPE


@pytest.mark.parametrize("env_id", builtin_ids())
def test_every_environment_is_drawn(env_id):
    env = gym.make(env_id, render_mode="rgb_array")
    env.reset(seed=1)
    env.action_space.seed(1)
    before = env.render()
    for _ in range(5):
        *_, left, capped, _ = env.step(env.action_space.sample())
        if left or capped:
            break
    after = env.render()
    assert is_picture(before)
    assert is_picture(after)
    assert not np.array_equal(before, after)
    assert after.mean() > 128  # on white


def test_the_checkers_and_wrappers_of_gymnasium_are_content():
    recsim_envs.register("tests/Drawn-v0", family=FAMILY)
    check_env(gym.make("tests/Drawn-v0").unwrapped)  # makes and renders it in every mode
    env = gym.make("tests/Drawn-v0", render_mode="rgb_array_list")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    frames = env.render()
    assert len(frames) == 2
    assert all(map(is_picture, frames))
    assert env.metadata["render_fps"] > 0


def test_films_are_recorded(tmp_path):
    pytest.importorskip("moviepy")
    env = gym.wrappers.RecordVideo(SimulatorEnv(family=FAMILY, render_mode="rgb_array"), str(tmp_path))
    env.reset(seed=0)
    while not any(env.step(env.action_space.sample())[2:4]):
        pass
    env.close()
    assert list(tmp_path.glob("*.mp4"))


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_the_lanes_of_a_vector_environment_are_drawn_as_scalar_ones(mode):
    vector = SimulatorVectorEnv(3, family=FAMILY, render_mode="rgb_array", autoreset_mode=mode)
    vector.reset(seed=[1, 2, 3])
    scalar = SimulatorEnv(family=FAMILY, render_mode="rgb_array")
    scalar.reset(seed=2)
    slate = np.array([0, 3])
    *_, left, capped, _ = scalar.step(slate)
    vector.step(np.stack([slate] * 3))
    if mode == "SameStep" and (left or capped):
        scalar.reset()
    images = vector.render()
    assert isinstance(images, tuple)
    assert all(map(is_picture, images))
    assert np.array_equal(images[1], scalar.render())


def test_a_life_holds_what_happened():
    env = SimulatorEnv(family=FAMILY, horizon=3, render_mode="rgb_array")
    env.reset(seed=4)
    rewards, over = [], False
    while not over:
        *_, reward, left, capped, _ = [None, *env.step(np.array([5, 2]))][1:]
        rewards.append(reward)
        over = left or capped
    life = env._film._lives[0]
    assert [moment.reward for moment in life.moments] == rewards
    assert [[item.title for item in moment.shown] for moment in life.moments] == [["Title Zeta", "Title Gamma"]] * len(
        rewards
    )
    assert (life.cause, life.left) == (("hated", True) if left else ("horizon", False))
    assert life.groups() == [2]
    env.reset()
    assert env._film._lives[0].moments == []


def test_a_user_who_stayed_to_the_horizon_is_not_drawn_as_gone():
    env = SimulatorEnv(family=FAMILY, horizon=2, render_mode="rgb_array")
    for seed in range(20):
        env.reset(seed=seed)
        env.step(np.array([0, 0]))
        if not env.simulator.over[0] and env.step(np.array([0, 0]))[3]:
            break
    assert [moment.fatigue for moment in env._film._lives[0].moments] == [0.5, 0.5]


@pytest.mark.parametrize("action", [[0, 99], [0], "x"])
def test_wrong_actions_are_refused_as_ever(action):
    env = SimulatorEnv(family=FAMILY, render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(InvalidActionError):
        env.step(action)
    vector = SimulatorVectorEnv(2, family=FAMILY, render_mode="rgb_array")
    vector.reset(seed=0)
    with pytest.raises(InvalidActionError):
        vector.step([action, action])
    assert env._film._lives[0].moments == []


def test_a_copy_draws_its_own_session():
    for duplicate in (copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))):
        env = SimulatorEnv(family=FAMILY, render_mode="rgb_array")
        env.reset(seed=0)
        other = duplicate(env)
        assert np.array_equal(env.render(), other.render())
        other.step(np.array([1, 2]))
        assert len(other._film._lives[0].moments) == 1
        assert env._film._lives[0].moments == []
        assert env.simulator._steps.tolist() == [0]


def test_modes_that_do_not_exist_are_named():
    for make in (SimulatorEnv, lambda **options: SimulatorVectorEnv(2, **options)):
        with pytest.raises(ConfigurationError, match="'human' does not exist; use 'ansi', 'rgb_array' or None"):
            make(family=FAMILY, render_mode="human")


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    env = SimulatorEnv(family=FAMILY, render_mode="rgb_array")
    env.reset(seed=0)
    real = builtins.__import__

    def missing(name, *rest):
        if name.split(".")[0] == "PIL":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'longrec\[render\]'"):
        env.render()


def test_nothing_is_imported_before_a_picture_is_drawn():
    code = (
        "import sys, gymnasium as gym, recsim_envs\n"
        "env = gym.make('longrec/Games-v0', render_mode='rgb_array'); env.reset(seed=0); env.step(0)\n"
        "assert not {'PIL', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


_SHOWN = st.builds(Shown, st.just("title"), st.integers(0, 10**6))
_NUMBER = st.floats(-1e9, 1e9)
_MOMENT = st.builds(Moment, st.lists(_SHOWN, max_size=25).map(tuple), _NUMBER, st.floats(-1, 2))


@settings(max_examples=20)
@given(
    st.lists(_MOMENT, max_size=20), st.text(max_size=90), st.integers(20, 10**5), st.text(max_size=20), st.booleans()
)
def test_any_life_can_be_drawn(moments, title, horizon, cause, left):
    assert is_picture(draw(Life(0.3, moments, cause, left), title, horizon, [title, "a very long name of a group"]))


def test_of_a_long_life_the_last_steps_are_drawn():
    moments = [Moment((Shown("title", 0),), 1.0, 0.5)] * MOST_STEPS
    early = [Moment((Shown("title", 1),), 9.0, 0.9)] * 300
    stripes = slice(100, 545)  # above the numbers of the steps
    drawn = draw(Life(0.5, early + moments), "", 10**4, [])[stripes]
    bland = draw(Life(0.5, moments[:300] + moments), "", 10**4, [])[stripes]
    assert np.array_equal(drawn[:, 140:], bland[:, 140:])  # fatigue begins where it stood before them


def test_scales_map_their_ends():
    panel = Panel(10.0, 110.0, -1.0, 4.0)
    assert [panel.y(value) for value in (-1.0, 0.0, 4.0, 9.0, -9.0)] == [110.0, 90.0, 10.0, 10.0, 110.0]
    columns = Columns(1, 10)
    assert columns.x(2) - columns.x(1) == pytest.approx(columns.width)


def test_the_command_writes_a_picture_of_each_policy(tmp_path, monkeypatch, capsys):
    from PIL import Image

    path = tmp_path / "life.png"
    arguments = ["rendering", "longrec/Games-v0", str(path), "--seed", "3", "--policy", "myopic", "planner"]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    with Image.open(path) as image:
        assert (image.size, image.mode) == ((WIDTH, 2 * HEIGHT), "RGB")
    assert [file.name for file in tmp_path.iterdir()] == ["life.png"]
    monkeypatch.setattr(sys, "argv", [*arguments[:-1], "clairvoyant"])
    with pytest.raises(SystemExit):
        main()
    assert "has no policy 'clairvoyant'" in capsys.readouterr().err


@pytest.mark.parametrize("env_id", builtin_ids())
def test_every_group_of_the_picture_has_a_name(env_id):
    simulator = recsim_envs.make_simulator(env_id, 4)
    simulator.begin(np.arange(4), np.arange(4, dtype=np.uint64))
    names, size = simulator.group_names(), simulator.task.catalogue.num_items
    slate = np.arange(simulator.task.slate_size or 1) % size
    assert all(names[item.group] for lane in range(4) for item in simulator.shown(lane, slate))
