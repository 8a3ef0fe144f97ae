"""Every error longrec raises on purpose. Each says what was wrong, where, and what to do next."""

from __future__ import annotations


class LongrecError(Exception):
    """Base of all errors raised on purpose; the command line prints it without a traceback."""


class WorldError(LongrecError):
    """A world folder is missing, incomplete, truncated, tampered with or inconsistent."""


class LogError(LongrecError):
    """A ratings or items file cannot be turned into a world."""


class InvalidActionError(LongrecError, ValueError):
    """An action is of the wrong type or shape, out of range, or forbidden by the protocol."""


class EpisodeError(LongrecError, RuntimeError):
    """A step was asked for outside an episode: before `reset` or after its end."""


class ConfigurationError(LongrecError, ValueError):
    """An option of an environment, agent, suite or command has no meaning."""


class BudgetExceededError(LongrecError):
    """A training run asked for more interaction than its track allows."""


class SubmissionError(LongrecError):
    """A submission folder is incomplete, malformed or does not fit its suite."""


class ReplayMismatchError(SubmissionError):
    """A recorded trace does not replay: the message names environment, episode and step."""


class UnreplayableError(SubmissionError):
    """A submission cannot be replayed here: its environment or world is not here, or another version of it."""


class AgentError(LongrecError):
    """An agent is unknown, cannot be loaded, or answered with something that is no action."""


class WorkerLostError(AgentError):
    """A process or machine was lost with the cell that it ran, perhaps because the agent took all of its memory."""


class LanguageModelError(LongrecError):
    """A language model is unreachable, refused a request, or answered unusably."""


class PlatformError(LongrecError):
    """An environment computes otherwise here than in the package's golden run: results would not compare."""
