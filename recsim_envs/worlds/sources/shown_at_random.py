"""Coat and Yahoo! R3: small data sets in which every user also rated items that were drawn at random.

Coat: https://www.cs.cornell.edu/~schnabts/mnar/ (no checksum is given). Yahoo! R3: the catalogue of Yahoo Webscope,
whose files are sent on request, and the README that comes with them.
"""

from __future__ import annotations

from typing import Final

from recsim_envs.worlds.sources.source import Licence, RawFile, Source

_COAT_PAGE: Final = "https://www.cs.cornell.edu/~schnabts/mnar/"
_YAHOO_PAGE: Final = "https://webscope.sandbox.yahoo.com/catalog.php?datatype=r"
_YAHOO_FILE: Final = "ydata-ymusic-rating-study-v1_0-{}.txt"

COAT: Final = Source(
    "coat",
    "Coat shopping",
    _COAT_PAGE,
    Licence(
        "no licence stated; given out for research",
        "The publisher states no licence. The data were collected from paid volunteers for a paper and are given out "
        "for research. Cite the paper, and ask its authors before you pass the data on or use them in a product.",
        _COAT_PAGE,
    ),
    "T. Schnabel, A. Swaminathan, A. Singh, N. Chandak and T. Joachims. Recommendations as Treatments: Debiasing "
    "Learning and Evaluation. ICML 2016. https://proceedings.mlr.press/v48/schnabel16.html",
    "coats",
    "the rating, 1 to 5: what people said themselves. The random split is the test matrix: 16 coats a user, drawn "
    "uniformly. No times are known",
    (
        RawFile(
            "https://www.cs.cornell.edu/~schnabts/mnar/coat.zip",
            "coat.zip",
            members=(
                "train.ascii",
                "test.ascii",
                "user_item_features/item_features.ascii",
                "user_item_features/item_features_map.txt",
            ),
            unpacked=400_000,
        ),
    ),
    "recsim_envs.worlds.sources.readers.coat:read_coat",
)

YAHOO_R3: Final = Source(
    "yahoo-r3",
    "Yahoo! R3: ratings of songs the user chose and of songs drawn at random",
    _YAHOO_PAGE,
    Licence(
        "Yahoo Webscope data sharing agreement",
        "The data are given to approved recipients for non-commercial research, under an agreement that you sign with "
        "Yahoo. You may not pass them on.",
        _YAHOO_PAGE,
    ),
    "B. M. Marlin and R. S. Zemel. Collaborative Prediction and Ranking with Non-Random Missing Data. RecSys 2009. "
    "https://doi.org/10.1145/1639714.1639717",
    "songs",
    "the rating, 1 to 5: what people said themselves. The random split is the test file: 10 songs a user, drawn "
    "uniformly. Neither times nor titles are known",
    (RawFile(_YAHOO_PAGE, _YAHOO_FILE.format("train")), RawFile(_YAHOO_PAGE, _YAHOO_FILE.format("test"))),
    "recsim_envs.worlds.sources.readers.yahoo:read_r3",
    manual=True,
)

SHOWN_AT_RANDOM: Final = (COAT, YAHOO_R3)
