"""The generated catalogue: short videos with a topic, a quality, and a headline that promises more or less."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.families.retention import kernel
from recsim_envs.families.retention.parameters import Constants
from recsim_envs.spec import Catalogue

TOPICS: Final = (
    "animals", "art", "beauty", "cars", "comedy", "cooking", "crafts", "dance", "fashion", "football", "gardening",
    "history", "languages", "magic", "music", "news", "puzzles", "science", "sport", "travel",
)  # fmt: skip
STYLES: Final = ("in depth", "plain", "teaser")
HEADLINES: Final = ("The {topic} file, part {n}", "{topic} clip {n}", "You will not believe this: {topic} {n}")
QUALITY_NOISE: Final = 0.2  # ours: quality is 1 - bait (RecSim's kale against chocolate) up to this
IMPRESSIONS: Final = 1000  # of each item, in the log behind the public counts
_TOPIC, _BAIT, _QUALITY = rng.WORLD, rng.WORLD + 1, rng.WORLD + 2


class Items(NamedTuple):
    """topics: int64 (N,); facets: float64 (N, 2), quality and bait in [0, 1]; `public` is what agents see of them."""

    topics: NDArray[np.int64]
    facets: NDArray[np.float64]
    public: Catalogue
    hash: str


def generate(count: int, constants: Constants) -> Items:
    """`count` items, the same for the same count. The facets are hidden; the style of a headline hints at the bait."""
    seed, ids = rng.derive_seed("retention", "catalogue"), np.arange(count)
    topics = rng.below_array(len(TOPICS), seed, 0, _TOPIC, ids)
    bait = rng.uniform_array(seed, 0, _BAIT, ids)
    quality = np.clip(1.0 - bait + QUALITY_NOISE * rng.normal_array(seed, 0, _QUALITY, ids), 0.0, 1.0)
    styles = np.minimum((bait * len(STYLES)).astype(np.int64), len(STYLES) - 1)
    number = np.zeros(count, np.int64)
    for topic in range(len(TOPICS)):
        number[topics == topic] = 1 + np.arange((topics == topic).sum())
    clicks, views = _logged_rates(quality, bait, constants)
    public = Catalogue(
        titles=tuple(
            HEADLINES[s].format(topic=TOPICS[t].capitalize() if s < 2 else TOPICS[t], n=n)
            for s, t, n in zip(styles.tolist(), topics.tolist(), number.tolist(), strict=True)
        ),
        category_names=TOPICS + STYLES,
        category_indptr=2 * np.arange(count + 1, dtype=np.int64),
        category_ids=np.stack([topics, len(TOPICS) + styles], axis=1).ravel().astype(np.int32),
        popularity=np.rint(IMPRESSIONS * clicks).astype(np.int64),
        mean_reward=views.astype(np.float32),
    )
    facets = np.stack([quality, bait], axis=1)
    return Items(topics, facets, public, hashlib.sha256(topics.tobytes() + facets.tobytes()).hexdigest())


def _logged_rates(
    quality: NDArray[np.float64], bait: NDArray[np.float64], c: Constants
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean rates of clicks and of long views over fresh users, in the first slot: two arrays (N,)."""
    grid = (np.arange(64) + 0.5) / 64
    share = kernel.FAVOURITES / len(TOPICS)
    clicks, views = np.zeros(len(bait)), np.zeros(len(bait))
    liked, other = kernel.LIKED + (1.0 - kernel.LIKED) * grid, kernel.INDIFFERENT * grid
    for weight, interests in ((share, liked), (1.0 - share, other)):
        match = interests[:, None]
        clicked = _logistic(c.click_base + c.click_match * match + c.click_bait * c.trust_start * bait)
        watched = clicked * _logistic(c.view_base + c.view_match * match + c.view_quality * quality)
        clicks += weight * clicked.mean(axis=0)
        views += weight * watched.mean(axis=0)
    return clicks, views


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-x))
    return result
