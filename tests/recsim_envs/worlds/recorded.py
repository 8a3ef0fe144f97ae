"""The recorded BiLLP sessions as a `SessionLog`, with their catalogue."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from recsim_envs.spec import Catalogue
from recsim_envs.worlds.facts import SessionLog

FILES = {"games": ("steam", "steam_items.csv"), "books": ("amazon", "amazon_items.csv")}


def catalogue(folder: Path, domain: str) -> Catalogue:
    with (folder / FILES[domain][1]).open(encoding="utf-8") as file:
        rows = [(row["title"], row["categories"].split("|")) for row in csv.DictReader(file)]
    names = sorted({name for _, categories in rows for name in categories})
    number = {name: k for k, name in enumerate(names)}
    return Catalogue(
        titles=[title for title, _ in rows],
        category_names=names,
        category_indptr=np.cumsum([0, *(len(categories) for _, categories in rows)]),
        category_ids=np.array([number[name] for _, categories in rows for name in categories], np.int32),
        popularity=np.ones(len(rows), np.int64),
        mean_reward=np.ones(len(rows), np.float32),
    )


def sessions_of_test_split(folder: Path, domain: str, titles: list[str], *, main_runs: bool = False) -> SessionLog:
    """Sessions of the test split; of Games' eight runs only the three main ones (20 January 2024) if asked."""
    item = {title: k for k, title in reversed(list(enumerate(titles)))}
    rows = []
    with (folder / "recorded_trajectories.jsonl").open(encoding="utf-8") as file:
        episodes = [json.loads(line) for line in file]
    episodes = [e for e in episodes if (e["env"], e["split"]) == (FILES[domain][0], "test")]
    if main_runs:
        episodes = [e for e in episodes if "2024-01-20" in e["run"]]
    runs = sorted({e["run"] for e in episodes})
    for session, episode in enumerate(episodes):
        for step, shown in enumerate(episode["steps"]):
            reward = float("nan") if shown["reward"] is None else shown["reward"]
            rows.append(
                (runs.index(episode["run"]), session, episode["user"], item[shown["item"]], reward, shown["quit"], step)
            )
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return SessionLog(*columns[:4], columns[4].astype(float), columns[5].astype(bool), columns[6])
