"""`MeteredEnvs`: the door to training users. It counts every step and every session, so no agent overspends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from leaderboard.evaluate.metered_curve import MeteredCurve
from leaderboard.evaluate.record import CLOSE, MAKE, RESET, STEP, Operation, Recorder
from recsim_envs.errors import AgentError, BudgetExceededError, EpisodeError
from recsim_envs.spec import Budget, TaskSpec
from recsim_envs.wrappers import VectorPrivilegedInfo

SeedOf = Callable[[int, int], int]
"""(number of the environment, number of its reset) -> seed."""

TrainingProgress = Callable[[int, float, float], None]
"""(sessions that ended, mean return and mean length of the last `RECENT` of them)."""

RECENT: Final = 100


class MeteredEnvs:
    """Implements `recsim_envs.spec.TrainingEnvs` for one environment id and one training run.

    Seeds are the harness's: whatever seed an agent passes to `reset` is replaced by one derived for training,
    so training sessions cannot be steered. A session is charged when it ends, or when it is abandoned after at
    least one step by `reset` or `close`; what is still running when training is over is not charged. Where more
    sessions end in one step than are left, the surplus ones look unfinished: training stops before their end is
    told. Steps are granted in whole batches. So no budget is ever exceeded.

    Agents are trusted code, in a process of their own too: the meter guards against mistakes and casual tricks (many
    environments, closed ones, copies, `unwrapped`), not against code that imports the simulator itself.

    With a `folder`, what is done in the environments is recorded in its folder `environments`, a few bytes a step, and
    `mark` and `restore` let a killed training go on.
    """

    def __init__(
        self,
        env_id: str,
        options: Mapping[str, Any],
        task: TaskSpec,
        budget: Budget,
        seed_of: SeedOf,
        *,
        privileged: bool = False,
        progress: TrainingProgress | None = None,
        folder: Path | None = None,
        split: str = "train",
    ) -> None:
        self.task, self.budget, self.folder = task, budget, folder
        self.used_episodes = self.used_steps = 0
        self._env_id, self._options = env_id, dict(options)
        self._split = split
        self._seed_of, self._privileged, self._progress = seed_of, privileged, progress
        self._made: list[_MeteredVectorEnv] = []
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)
        self.curve = MeteredCurve()
        self.recorder = None if folder is None else Recorder(folder / "environments")

    def make(self, num_envs: int) -> VectorEnv[Any, Any, Any]:
        """A vector environment on the train split with at most as many lanes as sessions are left to start.

        Lanes of environments made earlier and not closed count as started. Raises `BudgetExceededError` if
        nothing is left, or all of it is held by those environments.
        """
        if self.spent():
            raise BudgetExceededError(f"the training budget is spent ({self._account()}); nothing is left to make")
        left = self.remaining()
        if left.episodes is not None:
            unheld = left.episodes - sum(e.num_envs for e in self._made if not e.done)
            if unheld < 1:
                raise BudgetExceededError(
                    f"environments made earlier hold every session that is left ({self._account()}); use or close them"
                )
            num_envs = min(num_envs, unheld)
        if left.steps is not None:
            num_envs = min(num_envs, left.steps)
        env = gymnasium.make_vec(
            self._env_id,
            num_envs=num_envs,
            split=self._split,
            autoreset_mode=AutoresetMode.SAME_STEP,
            **self._options,
        )
        if self._privileged:
            env = VectorPrivilegedInfo(env)
        number = len(self._made)
        self._made.append(_MeteredVectorEnv(env, self, number, lambda reset: self._seed_of(number, reset)))
        self.record(MAKE, number, num_envs)
        return self._made[-1]

    def mark(self) -> int:
        """See `TrainingEnvs.mark`."""
        if self.recorder is None:
            raise AgentError("this training keeps no folder, so there is nothing to mark; look at envs.folder first")
        return self.recorder.mark()

    def restore(self, mark: int) -> list[tuple[VectorEnv[Any, Any, Any], Any, dict[str, Any]]]:
        """See `TrainingEnvs.restore`. Everything is done again, so that the account stands where it stood, too."""
        recorder = self.recorder
        if recorder is None or self._made:
            raise AgentError("restore comes before anything else, in a training that keeps a folder")
        self.recorder, seen = None, {}
        for done in recorder.operations(mark):
            result = self._again(done)
            if result is not None:
                seen[done.env] = (result[0], result[-1])
        self.recorder = recorder
        return [(env, *seen[n]) for n, env in enumerate(self._made) if not env.done and n in seen]

    def _again(self, done: Operation) -> tuple[Any, ...] | None:
        """Do a recorded operation once more; what it returned, None for what returns no observations."""
        if done.kind == MAKE:
            self.make(int(done.values[0]))
            return None
        env = self._made[done.env]
        if done.kind == STEP:
            return env.step(done.values.astype(np.int64).reshape(env.action_space.shape or ()))
        if done.kind == RESET:
            mask = done.values.astype(np.bool_)
            return env.reset(options=None if mask.all() else {"reset_mask": mask})
        env.close()
        return None

    def record(self, kind: int, env: int, values: Any) -> None:
        """Keep what was done, if there is a folder to keep it in."""
        if self.recorder is not None:
            self.recorder.add(kind, env, values)

    def remaining(self) -> Budget:
        """What is left; None where there is no limit. Steps that do not suffice for one batch count as none."""
        b = self.budget
        return Budget(
            None if b.episodes is None else max(0, b.episodes - self.used_episodes),
            None if b.steps is None else self._whole_batches(b.steps - self.used_steps),
        )

    def _whole_batches(self, steps: int) -> int:
        width = max((env.num_envs for env in self._made if not env.done), default=1)
        return steps if steps >= width else 0

    def spent(self) -> bool:
        """Whether episodes or steps have run out."""
        left = self.remaining()
        return left.episodes == 0 or left.steps == 0

    def __reduce__(self) -> NoReturn:
        raise TypeError("the training budget cannot be copied; pass on the one object")

    def charge(self, episodes: int, steps: int) -> None:
        """Count sessions and steps."""
        self.used_episodes += episodes
        self.used_steps += steps
        if self._progress is not None and episodes and self._recent:
            returns, lengths = zip(*self._recent, strict=True)
            self._progress(self.used_episodes, sum(returns) / len(returns), sum(lengths) / len(lengths))

    def note(self, returns: NDArray[np.float64], lengths: NDArray[np.int64], steps: int) -> None:
        """Take in what sessions earned that ended in a batch of so many steps, and how long they were."""
        self._recent.extend(zip(returns.tolist(), lengths.tolist(), strict=True))
        used = self.used_episodes + len(returns), self.used_steps + steps
        self.curve.add(returns.tolist(), lengths.tolist(), *used)

    def demand(self) -> None:
        """Raise `BudgetExceededError` if nothing is left."""
        if self.spent():
            raise BudgetExceededError(
                f"the training budget is spent ({self._account()}); stop when envs.spent(), or choose a larger track"
            )

    def _account(self) -> str:
        b = self.budget
        limits = [f"{n} {word}" for n, word in ((b.episodes, "episodes"), (b.steps, "steps")) if n is not None]
        return f"{self.used_episodes} episodes and {self.used_steps} steps used of {' and '.join(limits)}"


class _MeteredVectorEnv(VectorEnv[Any, Any, Any]):
    """No `VectorWrapper`: its `env` and `unwrapped` would lead past the meter."""

    def __init__(
        self, env: VectorEnv[Any, Any, Any], meter: MeteredEnvs, number: int, seed_of: Callable[[int], int]
    ) -> None:
        self.num_envs, self.spec, self.task = env.num_envs, env.spec, meter.task
        self.metadata, self.render_mode = env.metadata, env.render_mode
        self.observation_space, self.single_observation_space = env.observation_space, env.single_observation_space
        self.action_space, self.single_action_space = env.action_space, env.single_action_space
        self._env, self._meter, self._number, self._seed_of = env, meter, number, seed_of
        self._resets = 0
        self._open: NDArray[np.bool_] = np.zeros(env.num_envs, np.bool_)
        self._returns, self._lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
        self.done = False

    def __reduce__(self) -> NoReturn:
        raise TypeError("a training environment cannot be copied; make another one")

    def _demand_open(self) -> None:
        if self.done:
            raise EpisodeError("this training environment is closed; make another one")

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._demand_open()
        mask = np.asarray((options or {}).get("reset_mask", True), np.bool_)
        self._abandon(mask)
        self._resets += 1
        begun = self._env.reset(seed=self._seed_of(self._resets - 1), options=options)
        self._meter.record(RESET, self._number, np.broadcast_to(mask, self.num_envs))
        return begun

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        self._demand_open()
        self._meter.demand()
        observations, rewards, terminated, truncated, infos = self._env.step(actions)
        ended = np.flatnonzero(terminated | truncated)
        left = self._meter.remaining().episodes
        if left is not None and len(ended) > left:
            surplus, ended = ended[left:], ended[:left]
            terminated[surplus] = truncated[surplus] = infos["_final_obs"][surplus] = False
            for key, array in observations.items():
                array[surplus] = infos["final_obs"][key][surplus]
        self._returns += rewards
        self._lengths += 1
        self._meter.note(self._returns[ended], self._lengths[ended], self.num_envs)
        self._returns[ended] = self._lengths[ended] = 0
        self._open = ~(terminated | truncated)  # of what autoreset began, nothing was seen but its start
        self._meter.charge(len(ended), self.num_envs)
        self._meter.record(STEP, self._number, actions)
        return observations, rewards, terminated, truncated, infos

    def close(self, **kwargs: Any) -> None:
        if not self.done:
            self._abandon(np.True_)
            self.done = True
            self._meter.record(CLOSE, self._number, ())
            self._env.close(**kwargs)
            super().close()

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now: bool (B, n), or (B, k * n) for slates."""
        masks: NDArray[np.bool_] = self._env.unwrapped.action_masks()  # type: ignore[attr-defined]
        return masks

    def _abandon(self, mask: Any) -> None:
        left = self._meter.remaining().episodes
        abandoned = int((self._open & mask).sum())
        self._returns[self._open & mask] = self._lengths[self._open & mask] = 0
        self._meter.charge(abandoned if left is None else min(abandoned, left), 0)
        self._open = self._open & ~mask
