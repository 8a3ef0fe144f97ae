"""Guesses of columns: by likely names, each column once, and only for what is missing."""

from __future__ import annotations

import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.columns import (
    ITEMS_COLUMNS,
    ITEMS_ITEM,
    MEANINGS,
    RATINGS_COLUMNS,
    check_columns,
    guess_columns,
    items_given,
)
from recsim_envs.worlds.logs.reading import propose_columns, read_log
from tests.recsim_envs.worlds.logs.samples import ITEMS, RATINGS


@pytest.mark.parametrize(
    ("found", "guess"),
    [
        ("userId,movieId,rating,timestamp", "user=userId item=movieId"),
        ("user_id,video_id,watch_ratio,time", "user=user_id item=video_id rating=watch_ratio timestamp=time"),
        ("reviewerID,asin,overall,unixReviewTime", "user=reviewerID item=asin rating=overall timestamp=unixReviewTime"),
        ("asin,parent_asin,user_id,rating", "user=user_id item=parent_asin"),
        ("Customer,SKU,Stars,Date", "user=Customer item=SKU rating=Stars timestamp=Date"),
        ("user,item,rating,timestamp", ""),
        ("id,a,b", ""),
    ],
)
def test_the_customary_names_are_known(found, guess):
    guesses = guess_columns(found.split(","), RATINGS_COLUMNS, {})
    assert " ".join(f"{name}={column}" for name, column in guesses.items()) == guess


def test_items_have_names_of_their_own():
    guess = guess_columns(["id", "name", "genres", "description", "tags"], ITEMS_COLUMNS, {})
    assert guess == {ITEMS_ITEM: "id", "title": "name", "categories": "genres", "text": "description"}
    assert guess_columns(["item", "title"], ITEMS_COLUMNS, {}) == {}


def test_a_column_is_guessed_once_and_never_if_given():
    assert guess_columns(["uid", "userId"], ["user", "item"], {"item": "userId"}) == {"user": "uid"}
    assert guess_columns(["stars"], ["rating"], {"rating": ""}) == {}
    assert guess_columns(["movie", "asin"], ["user", "item"], {"user": "asin"}) == {"item": "movie"}


def test_the_items_file_may_name_the_item_differently():
    assert items_given({"item": "sku", "title": "t", "user": "u"}) == {ITEMS_ITEM: "sku", "title": "t"}
    assert items_given({"item": "sku", ITEMS_ITEM: "id"}) == {ITEMS_ITEM: "id"}
    assert check_columns(None) == {}
    with pytest.raises(LogError, match="column 't' cannot be both item and title"):
        check_columns({ITEMS_ITEM: "t", "title": "t"})
    with pytest.raises(LogError, match=f"'items' has no meaning; map {', '.join(MEANINGS)}"):
        check_columns({"items": "x"})
    assert items_given({"item": "sku"}, ["sku", "item"]) == {ITEMS_ITEM: "sku"}
    assert items_given({"item": "sku", "title": "t"}, ["item", "t"]) == {"title": "t"}
    assert items_given({"item": "sku"}, ["id", "t"]) == {ITEMS_ITEM: "sku"}


def test_the_items_file_may_use_our_name_where_the_ratings_do_not(write):
    ratings, items = write(RATINGS.replace("item", "movieId", 1).replace("user", "userId", 1))
    guesses = propose_columns(ratings, items)
    assert guesses == {"user": "userId", "item": "movieId"}
    assert len(read_log(ratings, items, columns=guesses).interactions) == 3


def test_what_to_say_about_a_missing_column_names_it(write):
    ratings, items = write(RATINGS.replace("item", "thing", 1), ITEMS.replace("item", "what", 1))
    with pytest.raises(LogError, match=r"ratings\.csv: no column 'item'.* --columns item=NAME"):
        read_log(ratings, items.with_name("items.csv"), columns={ITEMS_ITEM: "what"})
    with pytest.raises(LogError, match=r"items\.csv: no column 'thing'.* --columns items\.item=NAME"):
        read_log(ratings, items, columns={"item": "thing"})
