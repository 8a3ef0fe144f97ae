"""The data sets of J. McAuley's group at UC San Diego: Steam, Amazon's books of 2014 and 2023, Goodreads.

Formats and files: https://cseweb.ucsd.edu/~jmcauley/datasets.html (Steam "version 2"),
https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html (2014), https://amazon-reviews-2023.github.io (2023), and
https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html. None of these pages gives checksums.
"""

from __future__ import annotations

from typing import Final

from recsim_envs.worlds.sources.source import Licence, RawFile, Source

_LAB: Final = "https://mcauleylab.ucsd.edu/public_datasets"
_SNAP: Final = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"
_READERS: Final = "recsim_envs.worlds.sources.readers"
_PAGE: Final = "https://cseweb.ucsd.edu/~jmcauley/datasets.html"


def _no_licence(owner: str, page: str) -> Licence:
    return Licence(
        "no licence stated; given out for research",
        f"The publisher states no licence. The data were collected from {owner} and are given out for research; texts "
        f"and names in them belong to {owner} and to those who wrote them. Cite the papers that the page names, and "
        "ask the publisher before you pass the data on or use them in a product.",
        page,
    )


STEAM: Final = Source(
    "steam",
    "Steam: reviews and games (McAuley, version 2)",
    f"{_PAGE}#steam_data",
    _no_licence("Steam", f"{_PAGE}#steam_data"),
    "W.-C. Kang and J. McAuley. Self-Attentive Sequential Recommendation. ICDM 2018. "
    "A. Pathak, K. Gupta and J. McAuley. Generating and Personalizing Bundle Recommendations on Steam. SIGIR 2017.",
    "games",
    "hours played when the review was written, in five levels (below 1, 5, 20, 100 hours, and more): the file has no "
    "verdict, and hours spread over so many powers of ten that a mean of them would be a few players' hours",
    (
        RawFile("https://cseweb.ucsd.edu/~wckang/steam_reviews.json.gz", "steam_reviews.json.gz"),
        RawFile("https://cseweb.ucsd.edu/~wckang/steam_games.json.gz", "steam_games.json.gz"),
    ),
    f"{_READERS}.steam:read_steam",
)

AMAZON_2014: Final = Source(
    "amazon-books-2014",
    "Amazon ratings of books, 1996 to 2014",
    "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html",
    _no_licence("Amazon", "https://cseweb.ucsd.edu/~jmcauley/datasets/amazon/links.html"),
    "J. McAuley, C. Targett, Q. Shi and A. van den Hengel. Image-based Recommendations on Styles and Substitutes. "
    "SIGIR 2015. R. He and J. McAuley. Ups and Downs. WWW 2016.",
    "books",
    "the rating in stars, 1 to 5: what people said themselves",
    (
        RawFile(f"{_SNAP}/ratings_Books.csv", "ratings_Books.csv"),
        RawFile(f"{_SNAP}/meta_Books.json.gz", "meta_Books.json.gz"),
    ),
    f"{_READERS}.amazon:read_2014",
)

AMAZON_2023: Final = Source(
    "amazon-books-2023",
    "Amazon reviews of books, 1996 to 2023",
    "https://amazon-reviews-2023.github.io",
    _no_licence("Amazon", "https://amazon-reviews-2023.github.io"),
    "Y. Hou, J. Li, Z. He, A. Yan, X. Chen and J. McAuley. Bridging Language and Items for Retrieval and "
    "Recommendation. arXiv:2403.03952, 2024.",
    "books",
    "the rating in stars, 1 to 5: what people said themselves; editions of one book count as one item (parent_asin)",
    (
        RawFile(f"{_LAB}/data/amazon_2023/raw/review_categories/Books.jsonl.gz", "Books.jsonl.gz", None, 6_216_820_644),
        RawFile(f"{_LAB}/data/amazon_2023/raw/meta_categories/meta_Books.jsonl.gz", "meta_Books.jsonl.gz"),
    ),
    f"{_READERS}.amazon:read_2023",
)

GOODREADS: Final = Source(
    "goodreads",
    "Goodreads (UCSD Book Graph)",
    "https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html",
    Licence(
        "academic use only",
        "The data are for academic use only. You may not pass them on, and you may not use them commercially. They "
        "were collected in late 2017 from public shelves on goodreads.com. Cite the two papers.",
        "https://cseweb.ucsd.edu/~jmcauley/datasets/goodreads.html",
    ),
    "M. Wan and J. McAuley. Item Recommendation on Monotonic Behavior Chains. RecSys 2018. "
    "M. Wan, R. Misra, N. Nakashole and J. McAuley. Fine-Grained Spoiler Detection from Large-Scale Review Corpora. "
    "ACL 2019.",
    "books",
    "the rating in stars, 1 to 5: what people said themselves; 0 means that no rating was given, and is left out",
    (
        RawFile(
            f"{_LAB}/gdrive/goodreads/goodreads_interactions_dedup.json.gz", "goodreads_interactions_dedup.json.gz"
        ),
        RawFile(f"{_LAB}/gdrive/goodreads/goodreads_books.json.gz", "goodreads_books.json.gz", None, 2_083_197_934),
        RawFile(
            f"{_LAB}/gdrive/goodreads/goodreads_book_genres_initial.json.gz", "goodreads_book_genres_initial.json.gz"
        ),
    ),
    f"{_READERS}.goodreads:read_goodreads",
)

MCAULEY: Final = (STEAM, AMAZON_2014, AMAZON_2023, GOODREADS)
