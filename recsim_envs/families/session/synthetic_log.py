"""The log that the response model learns from: invented videos, invented users, and what they did with them.

Nobody's data: every number is a counter-based draw, so a seed gives the same log everywhere. Only the seven behaviour
rates are taken from a real log, KuaiRand-Pure (Gao et al., "KuaiRand: An Unbiased Sequential Recommendation Dataset",
CIKM 2022), and the intercepts of the generating model are solved for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng

BEHAVIOURS: Final = ("click", "long_view", "like", "comment", "forward", "follow", "hate")
CLICK: Final = 0
LONG_VIEW: Final = 1
RATES: Final = np.array([0.4597, 0.3318, 0.01848, 0.002546, 0.000962, 0.001074, 0.000494])
"""Share of KuaiRand-Pure's 1 436 609 impressions that got each behaviour."""

FEATURES: Final[dict[str, int]] = {
    "activity": 5, "live_streamer": 2, "creator": 2, "follows": 8, "fans": 8, "friends": 7, "registered": 8,
    "trait_0": 7, "trait_1": 6, "trait_2": 5, "trait_3": 4, "trait_4": 3, "trait_5": 2,
}  # fmt: skip
"""The public features of a user and how many values each has; as many and of the kind that KuaiRand publishes."""

TAGS: Final = (
    "animals", "architecture", "astronomy", "baking", "basketball", "beauty", "books", "camping", "cars", "chess",
    "cities", "climbing", "comedy", "crafts", "cycling", "dance", "drama", "drawing", "education", "family", "farming",
    "fashion", "fishing", "fitness", "football", "gadgets", "gaming", "gardening", "health", "history", "karaoke",
    "magic", "movies", "music", "news", "photography", "pranks", "street food", "travel", "weather",
)  # fmt: skip
VIDEO_TYPES: Final = ("video", "advertisement")
MUSIC_TYPES: Final = ("own sound", "song", "remix", "no music")
UPLOAD_TYPES: Final = ("short import", "long import", "camera", "live cut", "picture set", "duet")
AUTHORS: Final = 150
ATTRIBUTES: Final = {
    "tag": len(TAGS), "video_type": len(VIDEO_TYPES), "music_type": len(MUSIC_TYPES),
    "upload_type": len(UPLOAD_TYPES), "author": AUTHORS,
}  # fmt: skip

SLATE: Final = 6
_TASTES: Final = 8  # dimensions of a taste
# Columns: taste, quality, bait. Bait draws a click and disappoints; quality does neither but pays later.
_EFFECTS: Final = np.array(
    [
        [1.1, 0.5, 0.9], [1.4, 0.7, -0.9], [0.9, 0.9, -0.6], [0.7, 0.4, 0.4], [0.8, 0.9, -0.5], [1.0, 1.0, -0.8],
        [-0.8, -0.7, 1.0],
    ]
)  # fmt: skip

# Purposes of draws: those of world generators, for this is one.
_ATTRIBUTE, _TOPIC, _QUALITY, _BAIT, _FAME, _TASTE, _FEATURE, _SHOWN, _RESPONSE = range(rng.WORLD, rng.WORLD + 9)


@dataclass(frozen=True)
class Videos:
    """The catalogue: attributes int32 (n, 5) as in `ATTRIBUTES`, fame int64 (n,), and what only the generator knows."""

    attributes: NDArray[np.int32]
    fame: NDArray[np.int64]
    topics: NDArray[np.float64]
    quality: NDArray[np.float64]
    bait: NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """features int32 (u, 13); items int32 (u, r, 6) and responses bool (u, r, 6, 7) over r requests a user."""

    features: NDArray[np.int32]
    items: NDArray[np.int32]
    responses: NDArray[np.bool_]


def videos(count: int, seed: int) -> Videos:
    """Invent a catalogue: authors keep to a tag, a way of uploading and a degree of bait."""
    item, author_ids = np.arange(count), np.arange(AUTHORS)
    author = _skewed(AUTHORS, seed, _ATTRIBUTE, item)
    home = _skewed(len(TAGS), seed, _ATTRIBUTE, count + author_ids)
    strays = rng.uniform_array(seed, 1, _ATTRIBUTE, item) < 0.3
    tag = np.where(strays, _skewed(len(TAGS), seed, _ATTRIBUTE, 10**6 + item), home[author])
    kinds = [_skewed(n, seed, _ATTRIBUTE, k * 10**7 + item) for k, n in ((1, 2), (2, 4), (3, 6))]
    dims = np.arange(_TASTES)
    own, by_tag, by_author = (
        rng.normal_array(seed, layer, _TOPIC, np.arange(n)[:, None] * _TASTES + dims)
        for layer, n in enumerate((count, len(TAGS), AUTHORS))
    )
    topics = (by_tag[tag] + 0.5 * by_author[author] + 0.5 * own) / np.sqrt(1.5 * _TASTES)
    bait = 0.8 * rng.normal_array(seed, 0, _BAIT, author) + 0.6 * rng.normal_array(seed, 1, _BAIT, item)
    quality = 0.6 * rng.normal_array(seed, 0, _QUALITY, author) + 0.8 * rng.normal_array(seed, 1, _QUALITY, item)
    fame = 100.0 * np.exp(0.4 * quality + 0.3 * bait + 0.5 * rng.normal_array(seed, 0, _FAME, item))
    attributes = np.stack([tag, *kinds, author], 1).astype(np.int32)
    return Videos(attributes, 1 + fame.astype(np.int64), topics, quality, bait)


def _skewed(n: int, seed: int, purpose: int, lane: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers below n of which the small ones come more often: n times the square of a uniform, mixed with it."""
    u = rng.uniform_array(seed, 0, purpose, lane)
    return (n * (0.5 * u + 0.5 * u * u)).astype(np.int64)


def generate(catalogue: Videos, users: int, requests: int, seed: int) -> Log:
    """Show each user `requests` slates drawn by fame, and note what they did."""
    tastes = rng.normal_array(seed, 0, _TASTE, np.arange(users)[:, None] * _TASTES + np.arange(_TASTES))
    intercepts = _intercepts(catalogue, tastes, seed)
    items = np.empty((users, requests, SLATE), np.int32)
    responses = np.empty((users, requests, SLATE, len(BEHAVIOURS)), np.bool_)
    mood = np.zeros_like(tastes)
    for r in range(requests):
        slate = drawn_by_fame(catalogue.fame, seed, r, np.arange(users))
        chances = _sigmoid(_scores(catalogue, tastes + mood, slate) + intercepts)
        chances[..., LONG_VIEW] *= chances[..., CLICK]  # a long view is a click that lasted
        items[:, r], responses[:, r] = slate, _answers(chances, seed, r)
        surprise = responses[:, r, :, CLICK] - RATES[CLICK]
        mood = 0.85 * mood + 0.8 * (catalogue.topics[slate] * surprise[:, :, None]).mean(1)
    return Log(_features(tastes, seed), items, responses)


def drawn_by_fame(fame: NDArray[np.int64], seed: int, request: int, user: NDArray[np.int64]) -> NDArray[np.int64]:
    """The slates of the logging policy: (u, 6) items, each drawn with a chance in proportion to its fame."""
    edges = np.cumsum(fame)
    lane = user[:, None] * SLATE + np.arange(SLATE)
    return np.searchsorted(edges, rng.below_array(int(edges[-1]), seed, request, _SHOWN, lane), "right")


def _answers(chances: NDArray[np.float64], seed: int, request: int) -> NDArray[np.bool_]:
    """Draw behaviours. Click and long view share a draw, so that no long view comes without a click."""
    draws = rng.uniform_array(seed, request, _RESPONSE, np.arange(chances.size)).reshape(chances.shape)
    draws[..., LONG_VIEW] = draws[..., CLICK]
    return draws < chances


def _scores(catalogue: Videos, tastes: NDArray[np.float64], slate: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logits without intercepts, (u, 6, 7)."""
    liking = 1.6 * np.einsum("ud,ukd->uk", tastes, catalogue.topics[slate])
    causes = np.stack([liking, catalogue.quality[slate], catalogue.bait[slate]], -1)
    return causes @ _EFFECTS.T


def _intercepts(catalogue: Videos, tastes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The seven intercepts at which the rates of the log are `RATES`, for users without a mood."""
    scores = _scores(catalogue, tastes, drawn_by_fame(catalogue.fame, seed, 0, np.arange(len(tastes))))
    everybody = np.ones(scores.shape[:2])
    found = [_intercept(scores[..., b], everybody, rate) for b, rate in enumerate(RATES.tolist())]
    found[LONG_VIEW] = _intercept(scores[..., LONG_VIEW], _sigmoid(scores[..., CLICK] + found[CLICK]), RATES[LONG_VIEW])
    return np.array(found)


def _intercept(scores: NDArray[np.float64], among: NDArray[np.float64], rate: float) -> float:
    """The intercept at which the mean of chance times `among` is `rate`, by bisection."""
    low, high = -15.0, 15.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if (_sigmoid(scores + middle) * among).mean() > rate else (middle, high)
    return (low + high) / 2


def _features(tastes: NDArray[np.float64], seed: int) -> NDArray[np.int32]:
    """Thirteen discrete features, each a noisy look at one direction of the user's taste."""
    count = len(FEATURES)
    directions = rng.normal_array(seed, 1, _FEATURE, np.arange(count * _TASTES)).reshape(count, _TASTES)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    noise = rng.normal_array(seed, 2, _FEATURE, np.arange(len(tastes) * count)).reshape(-1, count)
    seen = 0.8 * tastes @ directions.T + 0.6 * noise
    sizes = np.array(list(FEATURES.values()))
    return np.minimum(sizes * _sigmoid(1.702 * seen), sizes - 1).astype(np.int32)


def _sigmoid(x: NDArray[Any]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-x))
