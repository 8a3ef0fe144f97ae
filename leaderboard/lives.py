"""Lives: a few test sessions of a submission, step by step, with what its agent could not see.

The player of the site shows them. All agents of a suite meet the same users, so the same session of two agents can be
held side by side. Sessions are replayed on the simulator; its hidden state is read beside the agent's back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leaderboard.ends import LOST
from leaderboard.evaluate.build import simulator_for
from leaderboard.schema import Count, Finite, Line, Stored, Task
from leaderboard.traces import Trace
from recsim_envs.families.base import Shown, Simulator
from recsim_envs.rendering.film import Film

SESSIONS: Final = 3
"""Sessions of each submission and task that are shown: the first ones of its first training seed."""
_TEXT: Final = 200  # characters of a title, a cause or a group's name


class Item(Stored):
    """Something that was shown: its title, and its group (a category, a topic) among `Lives.groups`."""

    title: Line
    group: Count


class Moment(Stored):
    """One step. `shown` are indices into `Lives.items`; `fatigue` and `hidden` are as they were after the step."""

    shown: tuple[Count, ...]
    reward: Finite
    fatigue: Finite
    hidden: tuple[Finite, ...] = ()


class Life(Stored):
    """One session: who came, what happened, why it ended. `left` tells a departure from the end of the horizon."""

    episode: Count
    user: int
    fatigue: Finite
    hidden: tuple[Finite, ...] = ()
    moments: tuple[Moment, ...]
    cause: Line
    left: bool


class Lives(Stored):
    """The sessions of one submission on one task. `hidden` names what `Moment.hidden` holds, in order."""

    training_seed: Count
    horizon: Count
    hidden: tuple[Line, ...]
    groups: tuple[Line, ...]
    items: tuple[Item, ...]
    sessions: tuple[Life, ...]


def lives_of(task: Task, trace: Trace, sessions: int = SESSIONS) -> Lives:
    """The first `sessions` episodes of `trace`, which was verified and holds the episodes of `task` only."""
    chosen = trace.of(slice(0, min(sessions, task.episodes)))
    simulator = simulator_for(task, len(chosen))
    film, hidden = _replay(simulator, chosen)
    names = list(hidden[0])
    items: dict[Shown, int] = {}
    lives = []
    for lane in range(len(chosen)):
        life, cause = film.life(lane), str(chosen.ends[lane])
        state = [tuple(float(values[lane]) for values in at.values()) for at in hidden]
        moments = tuple(
            Moment(
                shown=tuple(items.setdefault(shown, len(items)) for shown in moment.shown),
                reward=moment.reward,
                fatigue=round(moment.fatigue, 4),
                hidden=state[step],
            )
            for step, moment in enumerate(life.moments[: chosen.lengths[lane]], 1)  # lost sessions go no further
        )
        lives.append(
            Life(
                episode=int(chosen.episode[lane]),
                user=int(simulator.user_ids()[lane]),
                fatigue=round(life.fatigue, 4),
                hidden=state[0],
                moments=moments,
                cause=cause[:_TEXT],
                left=life.left and cause not in LOST,
            )
        )
    return Lives(
        training_seed=int(chosen.training_seed[0]),
        horizon=simulator.task.horizon,
        hidden=tuple(names),
        groups=tuple(name[:_TEXT] for name in _group_names(simulator, list(items))),
        items=tuple(Item(title=item.title[:_TEXT], group=item.group) for item in items),
        sessions=tuple(lives),
    )


def _replay(simulator: Simulator, trace: Trace) -> tuple[Film, list[dict[str, NDArray[np.float64]]]]:
    """All episodes at once, one a lane; the hidden figures at the start and after each step."""
    film, lanes = Film(simulator), np.arange(len(trace))
    film.begin(lanes, trace.episode_seed)
    hidden = [_figures(simulator)]
    slate = simulator.task.slate_size
    shape = (len(trace),) if slate is None else (len(trace), slate)
    for step in range(int(trace.lengths.max(initial=0))):
        actions = np.zeros(shape, np.int64)  # lanes that are over ignore theirs
        running = np.flatnonzero(trace.lengths > step).tolist()
        actions[running] = [trace.slates(i)[step].reshape(shape[1:]) for i in running]
        film.step(actions)
        hidden.append(_figures(simulator))
    return film, hidden


def _figures(simulator: Simulator) -> dict[str, NDArray[np.float64]]:
    """What is hidden of each lane as a single number; users' ids are no state."""
    return {
        name.replace("_", " "): np.round(value.astype(np.float64), 4)
        for name, value in simulator.hidden().items()
        if name not in ("user", *simulator.shared) and _is_figure(value)
    }


def _is_figure(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "fiub"


def _group_names(simulator: Simulator, items: Sequence[Shown]) -> list[str]:
    names = list(simulator.group_names())
    most = max((item.group for item in items), default=-1)
    return names[: most + 1] + [f"group {n}" for n in range(len(names), most + 1)]
