"""The plots of a card as SVG to stand inside HTML: colours are the page's variables, so they follow light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError
from recsim_envs.worlds.card.blocks import visible
from recsim_envs.worlds.card.names import PREDICTORS, RATING_SETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own; each is exchanged for its variable in the finished SVG.
_INK, _SOFT, _RULE = "#010101", "#020202", "#030303"
_COLOURS: Final = ("#0a0a01", "#0a0a02", "#0a0a03")
_VARIABLES: Final = {
    _INK: "--ink",
    "#000000": "--ink",
    _SOFT: "--soft",
    _RULE: "--rule",
    **{colour: f"--c{k}" for k, colour in enumerate(_COLOURS)},
}
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "longrec",
    "text.parse_math": False,
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _SOFT,
    "axes.titlecolor": _INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": _RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "lines.linewidth": 1.8,
}
_LARGEST: Final = 1e12  # beyond, ticks would be as long as the plot
_MOST: Final = 200  # points of one series
_WIDTH: Final = 9.6  # inches
_NARROW: Final = 5.4

Card = Mapping[str, Any]


def draw(name: str, card: Card) -> str:
    """The plot of this name, an `<svg>` element; the same card gives the same bytes.

    Raises `ConfigurationError` where matplotlib is missing and `ValueError`, `TypeError` or `LookupError` for a card
    that lacks its figures.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigurationError("plots of a card need matplotlib; pip install 'longrec[data]'") from None
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # not the reader's own style
        matplotlib.rcParams.update(_SETTINGS)
        picture = Figure(layout="constrained")
        PLOTS[name](picture, card)
        out = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        FigureCanvasSVG(picture).print_svg(out, metadata=nothing)
    return _for_html(out.getvalue(), name)


def _for_html(svg: str, name: str) -> str:
    """Without prologue, with ids of its own on the page, and with the page's colours."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\sid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r' height="[^"]*pt"', "", svg, count=1)  # follows from the width, which narrow pages cut


def _array(values: Any) -> NDArray[np.float64]:
    """Numbers that can be drawn: NaN for what is undefined. Raises `ValueError` for what is none."""
    found = np.array(values, np.float64)
    if len(found) > _MOST or (np.abs(found[np.isfinite(found)]) > _LARGEST).any():
        raise ValueError("too many or too large numbers for a plot")
    return found


def _whiskers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths (2, n) of error bars from rows (n, 3) of estimate, low and high."""
    return np.maximum(np.abs(values[:, 1:] - values[:, :1]).T, 0.0)


def _predictors(picture: Figure, card: Card) -> None:
    found = card["held_out"]["predictors"]
    names = [name for name in PREDICTORS if name in found]
    picture.set_size_inches(_WIDTH, 0.7 + 0.3 * len(names))
    axes = picture.subplots(1, 3, sharey=True)
    kinds = (("rmse", "RMSE, lower is better"), ("auc", "AUC, liked or not"), ("ndcg", "NDCG@10"))
    for axis, (key, title) in zip(axes, kinds, strict=True):
        values = _array([found[name][key] for name in names])
        places = np.arange(len(names))[::-1]
        axis.errorbar(values[:, 0], places, xerr=_whiskers(values), fmt="o", color=_COLOURS[0], markersize=5)
        axis.set_title(title)
        axis.grid(axis="x")
        axis.margins(x=0.12, y=0.15)
    axes[0].set_yticks(places, [PREDICTORS[name] for name in names])


def _reliability(picture: Figure, card: Card) -> None:
    picture.set_size_inches(_NARROW, 4.2)
    axis: Axes = picture.subplots()
    low, high = card["sizes"]["reward_range"]
    axis.plot(*_array([[low, high], [low, high]]), color=_SOFT, linewidth=1, linestyle=(0, (3, 3)))
    for k, (name, bins) in enumerate(card["held_out"]["reliability"].items()):
        table = _array(bins)
        axis.errorbar(
            table[:, 1], table[:, 2], yerr=_whiskers(table[:, 2:]), fmt="o-", color=_COLOURS[k % 2], markersize=4.5,
            label=PREDICTORS.get(name, visible(name, 40)),
        )  # fmt: skip
    axis.set(xlabel="mean predicted in the bin", ylabel="mean observed")
    axis.grid()
    axis.legend()


def _bars(axis: Axes, series: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Groups of bars side by side, one group a label."""
    width = 0.8 / len(series)
    for k, (name, values) in enumerate(series.items()):
        places = np.arange(len(labels)) + (k - (len(series) - 1) / 2) * width
        axis.bar(places, _array(values), width * 0.92, color=_COLOURS[k % 3], label=name)
    axis.set_xticks(range(len(labels)), labels)
    axis.grid(axis="y")
    axis.legend()


def _ratings(picture: Figure, card: Card) -> None:
    found = card["distances"]["ratings"]
    picture.set_size_inches(_WIDTH, 2.6)
    axis = picture.subplots()
    _bars(axis, {RATING_SETS[k]: found["shares"][k] for k in RATING_SETS}, [f"{x:g}" for x in found["levels"]])
    axis.set(xlabel="rating", ylabel="share")


def _popularity(picture: Figure, card: Card) -> None:
    found = card["distances"]["popularity"]
    picture.set_size_inches(_NARROW, 3.4)
    axis = picture.subplots()
    for k, (key, label) in enumerate((("log", "log"), ("simulated", "simulated"))):
        name = f"{label}, Gini {found[key]['gini']:.2f}"
        axis.plot(
            _array(found["shares"]), _array(found[key]["curve"]), "o-", markersize=4, color=_COLOURS[k], label=name
        )
    axis.set(xlabel="part of the catalogue, most liked first", ylabel="share of all likes")
    axis.grid()
    axis.legend()


def _categories(picture: Figure, card: Card) -> None:
    found = card["distances"]["categories"]
    names = [visible(name, 32) for name in found["categories"]]
    picture.set_size_inches(_WIDTH, 0.8 + 0.3 * len(names))
    axis = picture.subplots()
    places = np.arange(len(names))[::-1]
    for k, key in enumerate(("log", "simulated")):
        axis.barh(places + 0.2 - 0.4 * k, _array(found[key]), 0.36, color=_COLOURS[k], label=key)
    axis.set_yticks(places, names)
    axis.set_xlabel("share of likes")
    axis.grid(axis="x")
    axis.legend(loc="lower right")


def _lengths(picture: Figure, card: Card) -> None:
    found = card["distances"]["lengths"]
    picture.set_size_inches(_WIDTH, 2.6)
    axis = picture.subplots()
    edges = [int(x) for x in found["edges"]]
    labels = [f"{a}" if b - a <= 1 else f"{a}–{b - 1}" for a, b in pairwise(edges)]
    _bars(axis, {key: found[key]["shares"] for key in ("log", "simulated")}, labels)
    axis.tick_params(axis="x", labelsize=8)
    axis.set(xlabel="steps of a session", ylabel="share")


def _exposure(picture: Figure, card: Card) -> None:
    sets = {"chosen": card["held_out"]["predictors"], "shown at random": card["exposure"]["random"]["predictors"]}
    names = [name for name in PREDICTORS if all(name in found for found in sets.values())]
    picture.set_size_inches(_WIDTH, 0.9 + 0.36 * len(names))
    axis = picture.subplots()
    places = np.arange(len(names))[::-1]
    for k, (label, found) in enumerate(sets.items()):
        values = _array([found[name]["rmse"] for name in names])
        axis.errorbar(
            values[:, 0], places + 0.12 - 0.24 * k, xerr=_whiskers(values), fmt="o", color=_COLOURS[k], label=label
        )
    axis.set_yticks(places, [PREDICTORS[name] for name in names])
    axis.set_xlabel("RMSE, lower is better")
    axis.margins(y=0.2)
    axis.grid(axis="x")
    axis.legend()


def _horizon(picture: Figure, card: Card) -> None:
    scores = card["horizon"]["scores"]
    names = sorted(scores, key=lambda name: scores[name][0])[:_MOST]
    values = _array([scores[name] for name in names])
    picture.set_size_inches(_WIDTH, 0.6 + 0.3 * len(names))
    axis = picture.subplots()
    axis.barh(names, values[:, 0], 0.62, color=_COLOURS[0], alpha=0.45)
    axis.errorbar(values[:, 0], range(len(names)), xerr=_whiskers(values), fmt="none", ecolor=_INK, elinewidth=1.2)
    axis.set_xlabel("return of a session")
    axis.grid(axis="x")


def _sensitivity(picture: Figure, card: Card) -> None:
    from matplotlib.patches import Rectangle

    found = card["sensitivity"]
    agents, settings = [visible(a, 24) for a in found["agents"]], found["settings"]
    values = np.array([_array(row["returns"]) for row in settings])
    picture.set_size_inches(_WIDTH, 0.9 + 0.34 * len(settings))
    axis = picture.subplots()
    ranks = _ranks(values)
    for (row, column), rank in np.ndenumerate(ranks):
        if np.isfinite(rank):
            shade = 0.08 + 0.72 * (1 - (rank - 1) / max(len(agents) - 1, 1))
            axis.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, color=_COLOURS[0], alpha=shade, lw=0))
            text = f"{values[row, column]:.4g}"
            axis.text(column, row, text, ha="center", va="center", size=8.5, color=_INK)
    taus = [row["tau"][0] for row in settings]
    labels = [f"{visible(r['name'], 28)}, τ {t:.2f}" for r, t in zip(settings, _array(taus), strict=True)]
    axis.set_yticks(range(len(settings)), labels)
    axis.set_xticks(range(len(agents)), agents, rotation=20, ha="left", rotation_mode="anchor", size=8.5)
    axis.xaxis.tick_top()
    axis.set(xlim=(-0.5, len(agents) - 0.5), ylim=(len(settings) - 0.5, -0.5))
    axis.spines[:].set_visible(False)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank of each agent within its row (s, a), 1 the best, equal returns equal; NaN where it did not play."""
    better = (values[:, None, :] > values[:, :, None]).sum(axis=2)
    return np.where(np.isfinite(values), 1.0 + better, np.nan)


PLOTS: Final[dict[str, Callable[[Any, Card], None]]] = {
    "predictors": _predictors,
    "reliability": _reliability,
    "exposure": _exposure,
    "ratings": _ratings,
    "popularity": _popularity,
    "categories": _categories,
    "lengths": _lengths,
    "horizon": _horizon,
    "sensitivity": _sensitivity,
}
