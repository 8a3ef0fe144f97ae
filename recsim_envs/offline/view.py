"""`LogView`: a log as agents that learn from logs see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from recsim_envs.errors import ConfigurationError
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.observations import Transitions, simulator_of, transitions

UpdateProgress = Callable[[int, int], None]
"""Is told how many updates of an agent that learns are done, and of how many."""


class LogView:
    """Implements `recsim_envs.spec.TrainingLog`: the first `sessions` of a log, else all; neither seeds nor users.

    progress: takes what the learning agent says of its updates, done and in all.

    Raises `ConfigurationError` for more sessions than there are, and `LogError` where the environment is not what the
    log was made on.
    """

    def __init__(
        self,
        log: OfflineLog,
        sessions: int | None = None,
        *,
        folder: Path | None = None,
        progress: UpdateProgress | None = None,
    ) -> None:
        self.num_sessions = len(log) if sessions is None else sessions
        self.name = str(log.facts["id"])
        if not 1 <= self.num_sessions <= len(log):
            raise ConfigurationError(
                f"{self.num_sessions} sessions of {self.name} were asked for, it holds {len(log)}; ask for fewer, or "
                "make a larger log"
            )
        self.task = simulator_of(log, 1).task
        self.num_steps = int(log.offsets[self.num_sessions])
        self.folder = folder
        self._progress = progress
        self._log = log if self.num_sessions == len(log) else log.first(self.num_sessions)

    def transitions(self, sessions: int = 1024) -> Iterator[Transitions]:
        """The steps in batches of so many whole sessions, in order; observations and masks are rebuilt on the way.

        Masks are bool (m, n_items): of a large catalogue ask for fewer sessions at a time.
        """
        return transitions(self._log, sessions, masks=True)

    def progress(self, done: int, total: int) -> None:
        """Hand on how many of an agent's updates are made."""
        if self._progress is not None:
            self._progress(done, total)
