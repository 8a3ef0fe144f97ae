"""Good logs are read as they are, whatever holds them."""

from __future__ import annotations

import csv

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs import delimited
from recsim_envs.worlds.logs.log import NO_CATEGORY
from recsim_envs.worlds.logs.reading import propose_columns, read_log
from tests.recsim_envs.worlds.logs.samples import ITEMS, RATINGS, named


def test_a_good_log_is_read_in_time_order(write):
    log = read_log(*write())
    assert named(log) == [("ann", "2", 1.0, 10.0), ("ann", "1", 5.0, 30.0), ("bob", "3", 4.0, 20.0)]
    assert log.items.rows() == [
        ("1", "Alpha", ["x", "y"], None),
        ("2", "Beta", [NO_CATEGORY], None),
        ("3", "Gamma, the third", ["y"], None),
    ]
    assert [p.bad for p in log.problems] == [0, 0]
    assert log.replaced == 0


def test_without_times_the_order_is_the_files(write):
    log = read_log(*write("user,item,rating\nann,1,5\nann,2,1\nann,1,2\nbob,1,2\n"))
    assert named(log) == [("ann", "2", 1.0, -1.0), ("ann", "1", 2.0, -1.0), ("bob", "1", 2.0, -1.0)]
    assert log.replaced == 1


def test_the_latest_of_several_ratings_counts(write):
    log = read_log(*write("user,item,rating,timestamp\nann,1,5,30\nann,1,2,10\nbob,1,1,0\n"))
    assert named(log) == [("ann", "1", 5.0, 30.0), ("bob", "1", 1.0, 0.0)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01 00:00:10.25", 10.25),
        ("1970-01-01T00:01", 60.0),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T02:00:10+02:00", 10.0),
        ("1.5e3", 1500.0),
        ("-7", -7.0),
        ("", -1.0),
    ],
)
def test_dates_are_times_too(write, text, seconds):
    log = read_log(*write(f"user,item,rating,timestamp\na,1,5,{text}\nb,2,4,1970-01-01\n"))
    assert [row[3] for row in named(log)] == [seconds, 0.0]


def test_other_column_names_and_delimiters(write):
    paths = write("Stars;Customer;Sku\n5;ann;1\n3;bob;2\n", "Sku;Name\n1;Alpha\n2;Beta\n", suffix=".txt")
    log = read_log(*paths, columns={"user": "Customer", "item": "Sku", "rating": "Stars", "title": "Name"})
    assert log.users.to_list() == ["ann", "bob"]
    assert log.items["categories"].to_list() == [[NO_CATEGORY], [NO_CATEGORY]]


def test_parquet_with_typed_columns(tmp_path):
    when = pl.Series([30, 10]).cast(pl.Datetime("ms"))
    pl.DataFrame({"user": [7, 8], "item": [1, 2], "rating": [5.0, 2.5], "timestamp": when}).write_parquet(
        tmp_path / "r.parquet"
    )
    pl.DataFrame({"item": [1, 2], "title": ["A", "B"], "categories": [["x", "y"], ["z"]]}).write_parquet(
        tmp_path / "i.parquet"
    )
    log = read_log(tmp_path / "r.parquet", tmp_path / "i.parquet")
    assert named(log) == [("7", "1", 5.0, 0.03), ("8", "2", 2.5, 0.01)]
    assert log.items["categories"].to_list() == [["x", "y"], ["z"]]


def test_another_encoding_can_be_told(write):
    log = read_log(*write("user,item,rating\nbén,1,5\nann,2,1\n".encode("latin-1")), encoding="latin-1")
    assert log.users.to_list() == ["ann", "bén"]


def test_names_of_our_own_columns_are_free_for_files_to_use(write):
    for name in ("line", "row", " row", "\ufeff row", "fault", "value", "known", ""):
        log = read_log(*write(f"{name},user,item,rating\n7,ann,1,5\n8,bob,2,1\n"))
        assert log.interactions.values.tolist() == [5.0, 1.0]


def test_columns_may_change_places(write):
    log = read_log(*write("rating,item,user\nann,1,5\nbob,2,1\n"), columns={"user": "rating", "rating": "user"})
    assert log.interactions.values.tolist() == [5.0, 1.0]


def test_a_byte_order_mark_is_no_part_of_a_name(write):
    assert len(read_log(*write("\ufeff" + RATINGS)).interactions) == 3


def test_movielens_formats(tmp_path):
    (tmp_path / "u.genre").write_text("unknown|0\nAction|1\nDrama|2\n\n")
    items = '1|Café (1995)|01-Jan-1995||http://x|0|1|1\n2|B|||http://y|0|0|0\n3|"Quoted|||z|1|0|0\n'
    (tmp_path / "u.item").write_bytes(items.encode("latin-1"))
    (tmp_path / "u.data").write_text("1\t1\t3\t881250949\n1\t2\t5\t881250940\n2\t3\t1\t5\n")
    log = read_log(tmp_path / "u.data", tmp_path / "u.item")
    assert log.items["title"].to_list() == ["Café (1995)", "B", '"Quoted']
    assert log.items["categories"].to_list() == [["Action", "Drama"], [NO_CATEGORY], ["unknown"]]
    assert named(log)[0] == ("1", "2", 5.0, 881250940.0)
    (tmp_path / "u.genre").write_text("unknown|0\nAction|0\n")
    with pytest.raises(LogError, match=r"u\.genre: its lines must be a genre, a bar and a number"):
        read_log(tmp_path / "u.data", tmp_path / "u.item")
    (tmp_path / "u.genre").unlink()
    with pytest.raises(LogError, match=r"u\.genre cannot be opened"):
        read_log(tmp_path / "u.data", tmp_path / "u.item")


def test_the_real_movielens_100k(shared_data):
    log = read_log(shared_data / "ml-100k" / "u.data", shared_data / "ml-100k" / "u.item")
    assert (len(log.interactions), len(log.items), len(log.users)) == (100_000, 1682, 943)
    assert [p.bad for p in log.problems] == [0, 0]
    assert np.bincount(log.interactions.values.astype(int)).tolist() == [0, 6110, 11370, 27145, 34174, 21201]
    assert log.users[[0, 9, 942]].to_list() == ["1", "10", "943"]
    assert "Misérables, Les (1995)" in log.items["title"]
    assert log.items["categories"][0].to_list() == ["Animation", "Children's", "Comedy"]


def test_without_ratings_every_row_is_a_signal(write):
    log = read_log(*write("user,item,timestamp\nann,1,5\nann,1,7\nbob,2,1\n"))
    assert named(log) == [("ann", "1", 1.0, 7.0), ("bob", "2", 1.0, 1.0)]
    assert (log.implicit, log.replaced) == (True, 1)
    told = read_log(*write("user,item,rating\nann,1,5\nbob,2,5\n"), columns={"rating": ""})
    assert told.implicit
    assert told.interactions.values.tolist() == [1.0, 1.0]
    indexed = read_log(*write(",user,item\n0,ann,1\n1,bob,2\n"), columns={"rating": "", "timestamp": ""})
    assert indexed.interactions.values.tolist() == [1.0, 1.0]
    assert not read_log(*write()).implicit


def test_without_items_the_shelf_is_what_occurs(write):
    log = read_log(write("user,item,rating\nann,10,5\nann,9,1\nbob,x,1\n")[0])
    assert log.items.rows() == [(name, name, [NO_CATEGORY], None) for name in ("9", "10", "x")]
    assert len(log.problems) == 1


def test_texts_and_semicolons(write):
    items = "item,title,categories,text\n1,A,x; y,Long ago\n2,B,,\n3,C,a,b\n"
    log = read_log(*write(items=items))
    assert log.items["text"].to_list() == ["Long ago", None, "b"]
    assert log.items["categories"].to_list() == [["x", "y"], [NO_CATEGORY], ["a"]]
    bars = read_log(*write(items="item,title,categories\n1,A,x;y|z\n2,B,v;w\n3,C,\n"))
    assert bars.items["categories"].to_list() == [["x;y", "z"], ["v;w"], [NO_CATEGORY]]


def test_frames_in_place_of_files(write):
    ratings, items = write()
    frames = [pl.read_csv(path) for path in (ratings, items)]
    expected = named(read_log(ratings, items))
    assert named(read_log(*frames)) == expected
    assert named(read_log(frames[0].lazy(), frames[1].to_arrow())) == expected
    assert [p.file for p in read_log(*frames).problems] == ["the items frame", "the ratings frame"]
    broken = frames[0].with_columns(rating=pl.Series([5.0, float("nan"), 1.0]))
    assert read_log(broken, items, max_bad_share=0.5).problems[1].examples == ("row 2, field rating: is missing",)


def test_pandas_frames(write):
    pytest.importorskip("pandas")
    ratings, items = write()
    frames = [pl.read_csv(path).to_pandas() for path in (ratings, items)]
    assert named(read_log(*frames)) == named(read_log(ratings, items))
    frames[0].loc[0, "item"] = None  # which makes 2 to 2.0
    with pytest.raises(LogError, match=r"row 1, field item: is missing; row 2, field item: '2\.0' is not in the items"):
        read_log(*frames)


def test_one_name_for_the_item_in_each_file(write):
    paths = write("user,sku,rating\nann,1,5\nbob,2,3\n", "id,title\n1,Alpha\n2,Beta\n")
    log = read_log(*paths, columns={"item": "sku", "items.item": "id"})
    assert log.items["title"].to_list() == ["Alpha", "Beta"]


def test_what_is_guessed_can_be_confirmed(write):
    paths = write("Reviewer ID;movieId;overall;unixReviewTime\nann;1;5;1\n", "id;Name;Genres\n1;A;\n", suffix=".txt")
    guess = propose_columns(*paths)
    assert guess == {
        "user": "Reviewer ID",
        "item": "movieId",
        "rating": "overall",
        "timestamp": "unixReviewTime",
        "items.item": "id",
        "title": "Name",
        "categories": "Genres",
    }
    assert "user" not in propose_columns(*paths, columns={"user": "overall"})
    assert propose_columns(*write()) == {}
    assert propose_columns(*write("user,asin,rating\n", "asin,title\n")) == {"item": "asin"}


def test_progress_is_told_in_bytes(write):
    told = []
    read_log(*write(), progress=lambda *step: told.append(step))
    assert told == [("reading items", len(ITEMS), len(ITEMS)), ("reading ratings", len(RATINGS), len(RATINGS))]


ITEM_IDS, NUMBERS = ["1", "2", "3"], ["1", "2", "3", "5", "-1"]

plain = st.tuples(
    st.sampled_from(["ann", "bob", "1", "é", 'say "1"']), st.sampled_from(ITEM_IDS), st.sampled_from(NUMBERS)
)

cells = st.sampled_from(["ann", "bob", "1", "2", "3", "5", "nan", "", " ", "-1", "x,y", 'say "1"', "1\n2", "é"])


@given(
    st.lists(plain.map(list) | st.lists(cells, min_size=1, max_size=5), min_size=1, max_size=15),
    st.sampled_from([64, 1 << 20]),
)
def test_random_logs_are_read_as_a_slow_reader_reads_them(tmp_path_factory, table, block):
    path = tmp_path_factory.getbasetemp() / "random.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["user", "item", "rating"], *table])
    good = [
        (row[0], row[1], float(row[2]))
        for row in table
        if len(row) == 3 and row[0].strip() and row[0] != "-1" and row[1] in ITEM_IDS and row[2] in NUMBERS
    ]
    expected = {(user, item): value for user, item, value in good}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BLOCK", block)
        shelf = pl.DataFrame({"item": ITEM_IDS, "title": ["A", "B", "C"]})
        if len({user for user, _ in expected}) < 2 or len(set(expected.values())) < 2:
            with pytest.raises(LogError):
                read_log(path, shelf, max_bad_share=1.0)
            return
        log = read_log(path, shelf, max_bad_share=1.0)
    assert {(user, item): value for user, item, value, _ in named(log)} == expected
    assert (log.problems[1].lines, log.problems[1].bad) == (len(table), len(table) - len(good))
    assert log.replaced == len(good) - len(expected)
