"""Which column is what: the names that files give to users, items, ratings and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.tables import Table

RATINGS_COLUMNS: Final = ("user", "item", "rating", "timestamp")
ITEMS_ITEM: Final = "items.item"  # the item in the items file, which may have another name for it than the ratings
ITEMS_COLUMNS: Final = (ITEMS_ITEM, "title", "categories", "text")
MEANINGS: Final = (*RATINGS_COLUMNS, *ITEMS_COLUMNS[1:], ITEMS_ITEM)
_ITEM: Final = (
    *("item", "itemid", "iid", "parentasin", "asin", "movieid", "movie", "videoid", "video", "bookid", "book", "isbn"),
    *("gameid", "game", "appid", "productid", "product", "sku", "trackid", "songid", "artistid", "articleid", "newsid"),
)
# As written without case, blanks and punctuation; the likelier first.
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (
        *("user", "userid", "uid", "reviewerid", "customerid", "customer", "memberid", "member", "visitorid"),
        *("viewerid", "accountid", "personid", "username", "reviewer"),
    ),
    "item": _ITEM,
    ITEMS_ITEM: (*_ITEM, "id"),
    "rating": ("rating", "ratings", "overall", "stars", "star", "score", "watchratio", "preference", "grade"),
    "timestamp": (
        *("timestamp", "ts", "time", "unixreviewtime", "datetime", "date", "reviewdate", "ratedat", "createdat"),
        *("ratingtimestamp", "eventtime"),
    ),
    "title": ("title", "name", "itemname", "movietitle", "booktitle", "productname", "producttitle", "appname"),
    "categories": ("categories", "category", "genres", "genre", "tags", "tag", "maincategory", "shelves"),
    "text": ("text", "description", "summary", "overview", "plot", "abstract"),
}


def guess_columns(found: Sequence[str], wanted: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """For each wanted name that is neither given nor a column already: the column that is probably meant.

    found: the file's columns. wanted: from `MEANINGS`. given: what is known, our names to the file's. A column that
    is given or guessed for one name is not guessed for another; names without a guess are left out.
    """
    wanted = list(wanted)
    taken = {given.get(name, _own(name)) for name in wanted} & set(found)
    guesses: dict[str, str] = {}
    for name in wanted:
        if name in given or _own(name) in found:
            continue
        free = {_plain(column): column for column in reversed(found) if column not in taken}
        meant = next((free[synonym] for synonym in _SYNONYMS[name] if synonym in free), None)
        if meant is not None:
            guesses[name] = meant
            taken.add(meant)
    return guesses


def check_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """The mapping of our names to the files'. Raises `LogError` for a name or a mapping without meaning."""
    if not isinstance(columns or {}, Mapping) or not all(
        isinstance(theirs, str) for theirs in (columns or {}).values()
    ):
        raise LogError(f"columns must map our names to the files', such as {{'user': 'userId'}}; got {columns!r}")
    given = dict(columns or {})
    unknown = sorted(set(given) - set(MEANINGS))
    if unknown:
        raise LogError(f"column {unknown[0]!r} has no meaning; map {', '.join(MEANINGS)}")
    for ours, known in ((RATINGS_COLUMNS, given), (ITEMS_COLUMNS, items_given(given))):
        theirs = [known.get(name, _own(name)) for name in ours]
        twice = next((name for name in theirs if name and theirs.count(name) > 1), None)
        if twice is not None:
            both = " and ".join(_own(name) for name, other in zip(ours, theirs, strict=True) if other == twice)
            raise LogError(f"column {twice!r} cannot be both {both}; map each to a column of its own")
    return given


def items_given(given: Mapping[str, str], found: Sequence[str] | None = None) -> dict[str, str]:
    """What is given about the items file: the item has the name that the ratings have for it, unless told.

    found: the columns of the items file, where they are known. One that has no column of that name, but one of ours,
    means ours.
    """
    ours = found is not None and given.get("item") not in found and _own(ITEMS_ITEM) in found
    item = {ITEMS_ITEM: given["item"]} if "item" in given and not ours else {}
    return item | {name: theirs for name, theirs in given.items() if name in ITEMS_COLUMNS}


def choose_columns(
    table: Table, wanted: Sequence[str], optional: Sequence[str], given: Mapping[str, str]
) -> dict[str, str]:
    """The wanted columns that the table has: user, item, ... to its names.

    An optional name that is mapped to nothing ("") is taken as absent. Raises `LogError` where a column is missing
    that is not optional, where one that was given is missing, and where there is a guess for an absent one: guesses
    are for people to confirm. A text is not guessed: few need it.
    """
    theirs = {name: given.get(name, _own(name)) for name in wanted}
    absent = [name for name, column in theirs.items() if not column or column not in table.names]
    fatal = [name for name in absent if name not in optional or given.get(name)]
    guesses = guess_columns(table.names, [name for name in wanted if name != "text"], given)
    if fatal or guesses:
        lacking = [repr(theirs[name]) for name in wanted if name in fatal or name in guesses]
        raise LogError(
            f"{table.label}: no column {', '.join(lacking)}; it has {', '.join(map(repr, table.names))}."
            f"{table.hint() or _advice(fatal, guesses, optional)}"
        )
    return {_own(name): column for name, column in theirs.items() if name not in absent}


def _advice(fatal: Sequence[str], guesses: Mapping[str, str], optional: Sequence[str]) -> str:
    if not guesses:
        return f" Say which is which with --columns {','.join(f'{name}=NAME' for name in fatal)}"
    told = ",".join(f"{name}={column}" for name, column in guesses.items())
    none = ",".join(f"{name}=" for name in guesses if name in optional)
    return f" Perhaps --columns {told}" + (f" ({none} if that is not meant)" if none else "")


def _own(name: str) -> str:
    return name.removeprefix("items.")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
