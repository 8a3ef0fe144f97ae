"""What the linear bandits share: learning from train users, and acting by what was learned and by the session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baselines.bandits import kernels
from baselines.bandits.contexts import View, make_contexts
from baselines.bandits.training import Training
from baselines.files import read_json
from baselines.selection import allowed_items, best_slates
from recsim_envs import rng
from recsim_envs.errors import AgentError, BudgetExceededError, ConfigurationError
from recsim_envs.files import write_json
from recsim_envs.spec import Agent, Batch, Feedback, Sessions, TaskSpec, TrainingEnvs

FILE: Final = "bandit.json"
CHUNK: Final = 64  # lanes whose features are held at once


class Evidence:
    """Sufficient statistics of linear regressions, one a row: sums of x x' (r, d, d), x y (r, d) and y y (r,)."""

    def __init__(self, rows: int, width: int) -> None:
        self.grams = np.zeros((rows, width, width))
        self.moments = np.zeros((rows, width))
        self.squares = np.zeros(rows)

    def sums(self) -> list[NDArray[np.float64]]:
        """All three; to be kept and written back."""
        return [self.grams, self.moments, self.squares]

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Start these rows anew."""
        self.grams[rows], self.moments[rows], self.squares[rows] = 0.0, 0.0, 0.0

    def add(self, rows: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64], known: Any) -> None:
        """Add features (b, k, d) and targets (b, k), where they are known (b, k), to rows (b,)."""
        kernels.add(rows, x, y, known, self.grams, self.moments, self.squares)

    def models(self, rows: NDArray[np.int64], prior: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
        """Ridge solutions around `prior` (b, d): argmin of squared errors + strength |theta - prior|^2, (b, d)."""
        left = np.empty_like(prior)
        kernels.residuals(prior, self.grams[rows], self.moments[rows], left)
        precision = self.grams[rows] + strength * np.eye(prior.shape[1])
        return prior + np.linalg.solve(precision, left[:, :, None])[:, :, 0]

    def errors(self, rows: NDArray[np.int64], thetas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared errors of models (c, d) over the evidence of each row: (b, c)."""
        out = np.empty((len(rows), len(thetas)))
        kernels.errors(thetas, self.grams[rows], self.moments[rows], self.squares[rows], out)
        return out


@dataclass(kw_only=True, eq=False)
class LinearBandit(Agent):
    """An item earns theta . x in expectation, with features x of the item and of the moment (`contexts`).

    One model serves all items (the "hybrid" part of Li et al., WWW 2010, section 3.2, alone): with thousands of items
    and a hundred sessions a model for each item would hardly see any of them. Subclasses say how they explore in
    training. Afterwards every session starts with what was learned, and bends it by its own feedback: ridge regression
    around the learned model, as of a user whose own model is normally distributed around it. Slates hold the items of
    the highest scores, as if nobody compared them.

    dim: random directions that stand for the categories. ridge: pull of the learned model towards 0. session_prior:
    pull of a session's model towards the learned one; what an item earns counts as a part of the most that one can.
    num_envs: sessions side by side in training. default_episodes: how many to train for where the budget counts
    neither sessions nor steps.
    """

    trains = True

    dim: int = 8
    ridge: float = 1.0
    session_prior: float = 10.0
    num_envs: int = 8
    default_episodes: int = 1000

    def __post_init__(self) -> None:
        if min(self.dim, self.num_envs, self.default_episodes) < 1 or min(self.ridge, self.session_prior) <= 0:
            raise ConfigurationError(
                f"dim {self.dim}, num_envs {self.num_envs} and default_episodes {self.default_episodes} must be at "
                f"least 1, ridge {self.ridge} and session_prior {self.session_prior} above 0"
            )
        self._thetas: NDArray[np.float64] | None = None  # (c, d): one model, or one for each cluster
        self._facts: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The agent's name in messages."""
        return type(self).__name__

    # Training

    def train(self, envs: TrainingEnvs, seed: int) -> None:
        """Learn while exploring, until the budget is spent. Deterministic in `seed` and the environments.

        With `envs.folder`, a checkpoint is kept there, and training goes on from one that is found. Raises
        `AgentError` where a catalogue's observations tell nothing of what items earned.
        """
        self._seed = rng.derive_seed(self.name, seed)
        contexts = make_contexts(self, envs.task, self.num_envs, self.dim)
        self._start(len(contexts.names))
        budget = envs.remaining()
        limit = self.default_episodes if budget.episodes is None and budget.steps is None else None
        run = Training(self, envs, contexts, seed)
        with suppress(BudgetExceededError):
            while not envs.spent() and (limit is None or run.sessions < limit):
                run.step()
        run.write()
        run.close()
        self._thetas = self._learned()
        self._facts = {
            "items": envs.task.catalogue.num_items,
            "features": list(contexts.names),
            "thetas": self._thetas.tolist(),
            "train_sessions": run.sessions,
            "train_decisions": run.decisions,
        }

    def _start(self, width: int) -> None:
        """Begin to learn; `self._pooled` has one row, the evidence of all."""
        self._pooled = Evidence(1, width)

    def _memory(self) -> list[NDArray[Any]]:
        """All that learning changes; to be kept and written back."""
        return self._pooled.sums()

    def _learned(self) -> NDArray[np.float64]:
        """What training has found, (c, d)."""
        return self._model()

    def _model(self) -> NDArray[np.float64]:
        """The regression on all that was seen, (1, d)."""
        width = self._pooled.moments.shape[1]
        return self._pooled.models(np.zeros(1, np.int64), np.zeros((1, width)), self.ridge)

    def _covariance(self) -> NDArray[np.float64]:
        """The inverse of ridge I + sum of x x', (d, d)."""
        precision = self._pooled.grams[0] + self.ridge * np.eye(len(self._pooled.grams[0]))
        return np.linalg.inv(precision)

    def _explore(self, view: View, sessions: Sessions, decision: int) -> NDArray[np.float64]:
        """What training shows is what has the highest of these scores, (b, n); `decision` counts batches."""
        raise NotImplementedError

    def _learn(self, sessions: Sessions, x: NDArray[Any], y: NDArray[Any], known: NDArray[Any]) -> None:
        """Take in what followed; as `Evidence.add`."""
        self._pooled.add(np.zeros(len(x), np.int64), x, y, known)

    # Acting

    def reset(self, task: TaskSpec, num_lanes: int, seed: int) -> None:
        """Forget earlier sessions. Raises `AgentError` where what was learned is of another task, or nothing was."""
        if self._thetas is None:
            raise AgentError(f"{self.name} has learned nothing yet; train it or load what was learned")
        self._contexts = make_contexts(self, task, num_lanes, self.dim)
        known = self._facts["items"], tuple(self._facts["features"])
        found = task.catalogue.num_items, self._contexts.names
        if known != found:
            raise AgentError(
                f"{self.name} has learned on {known[0]} items with {len(known[1])} features, "
                f"{task.env_id or 'this environment'} has {found[0]} with {len(found[1])}; train on it"
            )
        self._slate, width = task.slate_size, len(self._contexts.names)
        self._session = Evidence(num_lanes, width)
        self._shown = np.zeros((num_lanes, self._slate or 1, width))

    def act(self, observations: Batch, infos: Batch, sessions: Sessions) -> NDArray[np.int64]:
        """The allowed items of the highest expected earnings, best first."""
        self._session.forget(sessions.lanes[sessions.steps == 0])
        actions, allowed = [], allowed_items(infos)
        for start in range(0, len(sessions.lanes), CHUNK):
            rows = slice(start, start + CHUNK)
            part = Sessions(sessions.lanes[rows], sessions.keys[rows], sessions.steps[rows])
            view = self._contexts.read({key: batch[rows] for key, batch in observations.items()}, part)
            scores = view.means(self._session_models(part.lanes))
            slates = best_slates(scores, self._slate or 1, None if allowed is None else allowed[rows])
            self._contexts.add(part, slates)
            self._shown[part.lanes] = view.of(slates)
            actions.append(slates)
        slates = np.concatenate(actions)
        return slates[:, 0] if self._slate is None else slates

    def observe(self, sessions: Sessions, feedback: Feedback) -> None:
        """Let each session's own feedback bend its model."""
        slates = feedback.actions.reshape(len(feedback.actions), -1)
        targets, known = self._contexts.targets(slates, feedback.rewards, feedback.observations)
        self._session.add(sessions.lanes, self._shown[sessions.lanes], targets, known)

    def _session_models(self, lanes: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._session.models(lanes, self._starting_models(lanes), self.session_prior)

    def _starting_models(self, lanes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The learned model around which each session's own lies, (b, d)."""
        assert self._thetas is not None
        return np.repeat(self._thetas, len(lanes), axis=0)

    # Keeping

    def describe(self) -> Mapping[str, Any]:
        """What was learned, feature by feature, and from how much."""
        return self._facts

    def save(self, path: Path) -> None:
        """Write `bandit.json`."""
        if self._thetas is None:
            raise AgentError(f"{self.name} has learned nothing yet; there is nothing to save")
        write_json(path / FILE, self._facts)

    def load(self, path: Path) -> None:
        """Read `bandit.json`."""
        facts = read_json(path / FILE, "items", "features", "thetas")
        try:
            thetas = np.array(facts["thetas"], np.float64)
        except (TypeError, ValueError):
            thetas = np.zeros(0)
        if thetas.ndim != 2 or thetas.shape[1] != len(facts["features"]) or not np.isfinite(thetas).all():
            raise AgentError(f"{path / FILE}: field thetas must hold a number a feature; train the agent again")
        self._thetas, self._facts = thetas, facts
