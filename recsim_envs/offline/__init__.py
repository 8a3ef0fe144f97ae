"""Logs of behaviour policies with exact propensities: named, generated, written, read, turned into transitions."""

from __future__ import annotations

from recsim_envs.offline.files import write_log
from recsim_envs.offline.generate import generate
from recsim_envs.offline.log import OfflineLog
from recsim_envs.offline.observations import Transitions, observations, transitions
from recsim_envs.offline.reading import load_log
from recsim_envs.offline.spec import DatasetSpec, dataset_id, default_path, spec_of
from recsim_envs.offline.view import LogView, UpdateProgress

__all__ = [
    "DatasetSpec",
    "LogView",
    "OfflineLog",
    "Transitions",
    "UpdateProgress",
    "dataset_id",
    "default_path",
    "generate",
    "load_log",
    "observations",
    "spec_of",
    "transitions",
    "write_log",
]
