"""Logs as Minari datasets: one episode a session, observations rebuilt, propensities and components in `infos`.

An episode is a folder of two files there, which takes a millisecond or two: a log of a million sessions is better
read from Parquet. Format "arrow" is written, because "hdf5" needs a further package and only it streams.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.observations import observations, simulator_of

BLOCK: Final = 256  # sessions whose observations are held at once
ROOT: Final = "MINARI_DATASETS_PATH"


def check_free(name: str, root: Path | None = None) -> Path:
    """The folder of the Minari dataset `name` under `root`, else Minari's own.

    Raises `ConfigurationError` without Minari, and `LogError` where there is such a dataset.
    """
    if importlib.util.find_spec("minari") is None:
        raise ConfigurationError("Minari is not installed; pip install 'longrec[data]'")
    with _root(root) as home:
        if (home / name).exists():
            raise LogError(
                f"{home / name} exists, and Minari never replaces a dataset; delete it or choose another folder"
            )
        return home / name


def write_minari(log: OfflineLog, root: Path | None = None) -> Path:
    """Write a log as the Minari dataset of its id, under `root`, else Minari's own folder; the dataset's folder.

    Atomic. Raises `ConfigurationError` without Minari, and `LogError` where there is such a dataset or none can be
    made.
    """
    name = str(log.facts["id"])
    target, namespace = check_free(name, root), name.rpartition("/")[0]
    with _root(root) as home:
        scratch = Path(tempfile.mkdtemp(prefix=".longrec-", dir=home))
        try:
            with _root(scratch):
                _create(log, name)
            from minari.namespace import create_namespace, list_local_namespaces

            if namespace not in list_local_namespaces():
                create_namespace(namespace)
            (scratch / name).replace(target)
        except (ValueError, OSError) as error:
            raise LogError(f"Minari cannot keep {name} in {home}: {error}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _create(log: OfflineLog, name: str) -> None:
    import minari

    task = simulator_of(log, 1).task
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is set to None.*")  # a program made it: there is no author
        dataset = minari.create_dataset_from_buffers(
            name,
            [],
            env=_env_spec(log),
            observation_space=task.observation_space,
            action_space=task.action_space,
            algorithm_name=log.facts["policy"],
            description=f"{len(log)} sessions of train users, seed {log.facts['seed']}, made by longrec",
            requirements=[f"longrec=={log.facts['packages']['longrec']}"],
            data_format="arrow",
        )
    storage = dataset.storage
    storage.get_size = lambda: 0.0  # it reads the whole folder again after every episode
    storage.update_episodes(_episodes(log))
    del storage.get_size
    storage.update_metadata({"dataset_size": storage.get_size()})


def _env_spec(log: OfflineLog) -> EnvSpec:
    """What makes the environment of the log, with its options and users, and not that of its id only."""
    spec = copy.deepcopy(gymnasium.spec(log.facts["env_id"]))
    spec.kwargs |= dict(log.facts["options"]) | {"split": log.facts["split"]}
    return spec


@contextmanager
def _root(root: Path | None) -> Iterator[Path]:
    """Minari's folder, `root` where one is given: Minari knows it from the environment only."""
    from minari.storage import get_dataset_path

    before = os.environ.get(ROOT)
    if root is not None:
        os.environ[ROOT] = str(root)
    try:
        yield Path(get_dataset_path()).resolve()  # Minari loses its files where the path is relative
    finally:
        if before is not None:
            os.environ[ROOT] = before
        elif root is not None:
            os.environ.pop(ROOT)


def _episodes(log: OfflineLog) -> Iterator[Any]:
    for start in range(0, len(log), BLOCK):
        stop = min(start + BLOCK, len(log))
        seen, first = observations(log, start, stop), 0
        for session in range(start, stop):
            rows = slice(int(log.offsets[session]), int(log.offsets[session + 1]))
            count = rows.stop - rows.start
            yield _episode(log, session, rows, {k: v[first : first + count + 1] for k, v in seen.items()})
            first += count + 1


def _episode(log: OfflineLog, session: int, rows: slice, seen: dict[str, Any]) -> Any:
    from minari.data_collector import EpisodeBuffer

    count = rows.stop - rows.start
    last = np.arange(count) == count - 1
    return EpisodeBuffer(
        id=session,
        seed=int(log.seeds[session]),
        observations=seen,
        actions=log.actions[rows].astype(np.int64),
        rewards=log.rewards[rows],  # type: ignore[arg-type]
        terminations=last & log.terminated[session],
        truncations=last & ~log.terminated[session],
        infos={
            # One more than steps, as observations, and lists: Minari 0.5.4 cannot read back arrays of one axis.
            "propensity": [float("nan"), *log.propensities[rows].tolist()],  # none was chosen before the first
            "component": [int(log.components[session])] * (count + 1),
        },
    )
