"""Wrappers over the faces: each for a scalar environment, and with "Vector" before its name for a vector one."""

from recsim_envs.wrappers.candidates import CandidateSet, VectorCandidateSet
from recsim_envs.wrappers.embedding_action import EmbeddingAction, VectorEmbeddingAction
from recsim_envs.wrappers.flatten import FlattenSlate, VectorFlattenSlate
from recsim_envs.wrappers.make import make_vec
from recsim_envs.wrappers.no_repeat import NoRepeat, VectorNoRepeat
from recsim_envs.wrappers.privileged import PrivilegedInfo, VectorPrivilegedInfo
from recsim_envs.wrappers.statistics import EpisodeStatistics, VectorEpisodeStatistics
from recsim_envs.wrappers.text_action import TextAction, VectorTextAction
from recsim_envs.wrappers.text_observation import TextObservation, VectorTextObservation

__all__ = [
    "CandidateSet",
    "EmbeddingAction",
    "EpisodeStatistics",
    "FlattenSlate",
    "NoRepeat",
    "PrivilegedInfo",
    "TextAction",
    "TextObservation",
    "VectorCandidateSet",
    "VectorEmbeddingAction",
    "VectorEpisodeStatistics",
    "VectorFlattenSlate",
    "VectorNoRepeat",
    "VectorPrivilegedInfo",
    "VectorTextAction",
    "VectorTextObservation",
    "make_vec",
]
