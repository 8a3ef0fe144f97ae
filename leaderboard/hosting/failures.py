"""What is raised when an agent elsewhere fails."""

from __future__ import annotations

from leaderboard.ends import CRASHED
from recsim_envs.errors import AgentError


class AgentLostError(AgentError):
    """An agent elsewhere failed; it can be started anew. `cause` is one of `leaderboard.ends.LOST`."""

    def __init__(self, text: str, cause: str = CRASHED) -> None:
        super().__init__(text)
        self.cause = cause


class ProtocolError(AgentLostError):
    """A message is none of this protocol."""
