"""Two small files, and a log in the words of files."""

from __future__ import annotations

import numpy as np

from recsim_envs.worlds.logs.log import Log

ITEMS = 'item,title,categories\n1,Alpha,x|y\n2,Beta,\n3,"Gamma, the third",y|y\n'
RATINGS = "user,item,rating,timestamp\nann,1,5,30\nann,2,1,10\nbob,3,4,20\n"


def named(log: Log) -> list[tuple[str, str, float, float]]:
    """User, item, value and time (-1 where unknown) of each row."""
    rows = log.interactions
    users, items = log.users.gather(rows.users), log.items["item"].gather(rows.items)
    return list(zip(users, items, rows.values.tolist(), np.nan_to_num(rows.times, nan=-1.0).tolist(), strict=True))
