"""`python -m leaderboard.hosting module:Class`: a Python agent that speaks the protocol on its stdin and stdout.

What the agent prints goes to stderr. `longrec evaluate --isolate` starts this by itself; it can also be the command of
`longrec evaluate "command:..."`, behind ssh or in a container.
"""

from __future__ import annotations

import os
import sys
from functools import partial

from leaderboard.agents import build_agent
from leaderboard.hosting.host import Host


def main() -> None:
    """Serve the agent that is named until stdin ends."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m leaderboard.hosting AGENT   (a registered agent or module:Class)")
    read, write = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # the conversation is not disturbed by what an agent, or a library of its, prints
    Host(read, write).serve(partial(build_agent, sys.argv[1]))


if __name__ == "__main__":
    main()
