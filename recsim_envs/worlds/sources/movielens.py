"""MovieLens, of GroupLens at the University of Minnesota: 100K, 1M, 20M and 32M ratings of films.

Formats: the README in each archive (https://files.grouplens.org/datasets/movielens/ml-32m-README.html and its like).
Checksums: the `.md5` file that GroupLens keeps beside each archive.
"""

from __future__ import annotations

from typing import Final

from recsim_envs.worlds.sources.source import Licence, RawFile, Source

_LICENCE: Final = Licence(
    "GroupLens research terms",
    "You may use the data for research. You must acknowledge them in publications. You may not suggest that GroupLens "
    "or the University of Minnesota endorse you, and you may not use them for commercial or revenue-bearing purposes "
    "without permission of GroupLens. {share} They come without any guarantee.",
    "https://grouplens.org/datasets/movielens/",
)
_ASK_FIRST: Final = "You may not pass them on without separate permission."
_SAME_TERMS: Final = "You may pass them on, also transformed, only under these same terms."
_CITATION: Final = (
    "F. M. Harper and J. A. Konstan. The MovieLens Datasets: History and Context. "
    "ACM Transactions on Interactive Intelligent Systems 5(4), 2015. https://doi.org/10.1145/2827872"
)


def _movielens(short: str, md5: str, size: int, members: tuple[str, ...], unpacked: int, read: str) -> Source:
    name = f"ml-{short}"
    share = _ASK_FIRST if short in ("100k", "1m") else _SAME_TERMS
    return Source(
        name,
        f"MovieLens {short.upper()}",
        f"https://grouplens.org/datasets/movielens/{short}/",
        Licence(_LICENCE.name, _LICENCE.terms.format(share=share), _LICENCE.url),
        _CITATION,
        "films",
        "the rating in stars, 1 to 5 (half stars from 0.5 on in 20M and 32M): what people said themselves",
        (
            RawFile(
                f"https://files.grouplens.org/datasets/movielens/{name}.zip",
                f"{name}.zip",
                f"md5:{md5}",
                size,
                tuple(f"{name}/{member}" for member in members),
                unpacked,
            ),
        ),
        f"recsim_envs.worlds.sources.readers.movielens:{read}",
    )


_CSV: Final = ("ratings.csv", "movies.csv")

MOVIELENS: Final = (
    _movielens("100k", "0e33842e24a9c977be4e0107933c0723", 4_924_029, ("u.data", "u.item", "u.genre"), 2_300_000,
               "read_100k"),
    _movielens("1m", "c4d9eecfca2ab87c1945afe126590906", 5_917_549, ("ratings.dat", "movies.dat"), 25_000_000,
               "read_1m"),
    _movielens("20m", "cd245b17a1ae2cc31bb14903e1204af3", 198_702_078, _CSV, 540_000_000, "read_20m"),
    _movielens("32m", "d472be332d4daa821edc399621853b57", 238_950_008, _CSV, 890_000_000, "read_32m"),
)  # fmt: skip
