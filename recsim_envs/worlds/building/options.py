"""What `build_world` can be told, checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.models.base import demand_whole
from recsim_envs.worlds.world import MAX_HORIZON, MAX_WINDOW

_MANY: Final = 1_000_000
_WHOLE: Final = {
    "rank": (1, 1024),
    "epochs": (1, _MANY),
    "min_ratings": (3, _MANY),
    "window": (1, MAX_WINDOW),
    "card_sessions": (10, 100_000),
    "seed": (0, 2**63 - 1),
}
_SHARES: Final = ("test_share", "theta_quantile", "r_min_quantile")
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "model": ("biases", "mf", "deepfm", "gru"),
    "holdout": ("auto", "time", "random"),
    "test_users": ("random", "latest"),
    "vectors_from": ("auto", "model", "categories", "text"),
    "departure": ("quantile", "fitted"),
    "calibration": ("distribution", "mean", "none"),
}


@dataclass(frozen=True)
class BuildOptions:
    """How a log becomes a world.

    seed: of every draw. min_ratings: users with fewer rows are left out.
    model: "biases", "mf", "deepfm" or "gru"; rank, epochs: its size and longest training; device: where it is trained;
        compare: other user models to fit, for the card; None is "deepfm" for logs of up to a million rows, beside
        "biases" and "mf", which are always fitted.
    holdout: which rows judge the model: the last tenth of each user ("time"), a tenth at random, or "auto": by time
        where the log has times. test_users: users of the test split: drawn, or those who came "latest"; test_share:
        how many of all.
    calibration: a rising map of the predictions, so that rewards have the distribution of the log's values
        ("distribution"), or its mean at each prediction ("mean"), or "none".
    vectors_from: what makes items alike: the model's vectors, categories or text; "auto": the model's where it has
        any, else categories.
    departure: thresholds at quantiles, or "fitted" to how long visits last; theta_quantile, r_min_quantile: shares of
        item pairs too alike, and of rewards too low; window: how many shown items are remembered; horizon: step cap,
        None for 50, or for the longest one in a hundred of the log's visits where thresholds are fitted; pause:
        seconds without a row that end a visit. leaving_pays: whether the step of leaving earns its reward, so that
        what leaving costs is the future; without it greed for the next reward already avoids leaving.
    card_sessions: sessions that the card's policies play. force: keep a model that is worse than biases alone.
    """

    seed: int = 0
    min_ratings: int = 5
    model: str = "mf"
    rank: int = 32
    epochs: int = 60
    device: str = "cpu"
    compare: tuple[str, ...] | None = None
    holdout: str = "auto"
    test_users: str = "random"
    test_share: float = 0.2
    calibration: str = "distribution"
    vectors_from: str = "auto"
    departure: str = "quantile"
    theta_quantile: float = 0.02
    r_min_quantile: float = 0.1
    window: int = 4
    horizon: int | None = None
    pause: float = 1800.0
    leaving_pays: bool = True
    card_sessions: int = 300
    force: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> BuildOptions:
        """From options by name. Raises `ConfigurationError` for one that does not exist or has no meaning."""
        unknown = sorted(set(options) - set(cls.__annotations__))
        if unknown:
            raise ConfigurationError(
                f"build_world has no option {unknown[0]!r}; options are {', '.join(cls.__annotations__)}"
            )
        how = cls(**options)
        how._check()
        return how

    def _check(self) -> None:
        for name, (low, high) in _WHOLE.items():
            demand_whole(name, getattr(self, name), low, high)
        if self.horizon is not None:
            demand_whole("horizon", self.horizon, 1, MAX_HORIZON)
        for name in _SHARES:
            share = getattr(self, name)
            if not isinstance(share, float) or not 0 < share < 1:
                raise ConfigurationError(f"{name} must lie between 0 and 1, got {share!r}")
        for name, words in _WORDS.items():
            _demand_word(name, getattr(self, name), words)
        if (self.model, self.vectors_from) == ("biases", "model"):
            raise ConfigurationError("the model biases has no vectors; use vectors_from categories, text or auto")
        if not isinstance(self.compare, tuple | list | None):
            raise ConfigurationError(f"compare must list names of user models, got {self.compare!r}")
        for other in self.compare or ():
            _demand_word("compare", other, _WORDS["model"])
        if type(self.leaving_pays) is not bool or type(self.force) is not bool:
            raise ConfigurationError("leaving_pays and force must be True or False")
        if not isinstance(self.pause, int | float) or not 0 < self.pause < 1e9:
            raise ConfigurationError(f"pause must be seconds above 0, got {self.pause!r}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for `WorldInfo.recipe`."""
        return asdict(self) | {"compare": None if self.compare is None else list(self.compare)}


def _demand_word(name: str, value: Any, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ConfigurationError(f"{name} must be {', '.join(words[:-1])} or {words[-1]}, got {value!r}")
