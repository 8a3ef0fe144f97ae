"""`slate_team_v0` for PettingZoo: `parallel_env(**options)`, all agents at once; `env(**options)`, one by one.

The environment is described in `recsim_envs.markets.slate_team`.
"""

from __future__ import annotations

from recsim_envs.faces.parallel import makers

parallel_env, env = makers("slate_team_v0")
raw_env = env

__all__ = ["env", "parallel_env", "raw_env"]
