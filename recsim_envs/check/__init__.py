"""Does an environment keep the rules? The public checkers, determinism, hygiene, speed, and the horizon gap.

    from recsim_envs.check import check_environment
    for finding in check_environment("longrec/Games-v0"): print(finding)

`longrec envs check ID` prints the same as a report that a maintainer can paste.
"""

from __future__ import annotations

from recsim_envs.check.finding import Finding
from recsim_envs.check.suite import check_environment

__all__ = ["Finding", "check_environment"]
