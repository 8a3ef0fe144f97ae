"""Bad lines are counted with their numbers, and hopeless files have a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsim_envs.errors import LogError, LongrecError
from recsim_envs.worlds.logs import delimited
from recsim_envs.worlds.logs.reading import read_log
from tests.recsim_envs.worlds.logs.samples import ITEMS, RATINGS


def test_every_kind_of_bad_line_is_counted_with_line_and_field(write):
    ratings = (
        "user,item,rating,timestamp\n"
        "ann,1,5,30\n"
        "\n"
        "ann,2,nan,30\n"
        "ann,2,inf,30\n"
        "ann,2\n"
        " ,2,4,30\n"
        "-1,2,4,30\n"
        "bob,1,4,30,extra\n"
        "bob,99,4,30\n"
        "bob,-3.0,4,30\n"
        "bob,3,4,yesterday\n"
        'bob,2,"four",1\n'
        "bob,2,4,1\n"
    )
    log = read_log(*write(ratings), max_bad_share=0.9)
    assert log.interactions.values.tolist() == [5.0, 4.0]
    problems = log.problems[1]
    assert (problems.lines, problems.bad) == (12, 10)
    assert problems.examples == (
        "line 4, field rating: 'nan' is no finite number",
        "line 5, field rating: 'inf' is no finite number",
        "line 6, 2 fields, but there are 4 columns",
        "line 7, field user: is missing",
        "line 8, field user: '-1' is a negative id",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bob,1,4,30,extra", "5 fields, but there are 4 columns"),
        ("bob,99,4,30", "field item: '99' is not in the items file"),
        ("bob,-3.0,4,30", "field item: '-3.0' is a negative id"),
        ("bob,3,4,yesterday", "field timestamp: 'yesterday' is neither seconds nor an ISO date"),
        ("bob,3,4,881250949000", "field timestamp: '881250949000' is beyond the year 5000"),
        ("bob,3,4,inf", "field timestamp: 'inf' is neither seconds nor an ISO date"),
        ('bob,2,"four",1', "field rating: 'four' is no finite number"),
        ("bob,2,,1", "field rating: is missing"),
        ('bob,"",1,1', "field item: is missing"),
        ("   ", "1 fields, but there are 4 columns"),
    ],
)
def test_every_kind_of_bad_line_has_words(write, line, message):
    log = read_log(*write(f"{RATINGS}{line}\n"), max_bad_share=0.5)
    assert log.problems[1].examples == (f"line 5, {message}",)


def test_bad_items_are_skipped_and_their_ratings_with_them(write):
    items = "item,title,categories\n1,Alpha,x\n1,Again,x\n2,,x\n3,Gamma,x\n"
    log = read_log(*write(items=items), max_bad_share=0.5)
    assert log.problems[0].examples == ("line 3, field item: '1' was listed before", "line 4, field title: is missing")
    assert log.problems[1].examples == ("line 3, field item: '2' is not in the items file",)


def test_quoted_line_breaks_do_not_shift_line_numbers(write):
    items = 'item,title,categories\n1,"Alpha\nand more",x\n2,,x\n3,G,x\n'
    log = read_log(*write(items=items), max_bad_share=0.5)
    assert log.problems[0].examples[0].startswith("line 4, field title")


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (
            "user,item,rating\n" + "ann,1,bad\n" * 2 + "ann,1,5\n" * 98,
            r"2 of 100 lines are bad, more than a share of 1\.0%\. line 2",
        ),
        ("user,item,stars\nann,1,5\n", r"no column 'rating'; it has 'user', 'item', 'stars'"),
        ("user,item,rating,item\nann,1,5,1\n", r"column 'item' is there twice"),
        ("user,item,rating\nann,1,4\nbob,2,4\n", "all ratings are equal"),
        ("user,item,rating\n", "holds no data lines"),
        ("", "is empty"),
        ("user\titem\trating\nann\t1\t5\n", r"no column 'user', 'item'; .*no commas but tabs: .*\.tsv"),
        (b"user,item,rating\nann,1,5\nb\xe9n,2,4\n", r"line 3: byte 0xe9 is not utf-8.*latin-1"),
        (b"\xff\xfeu\x00s\x00e\x00r\x00", "UTF-16; pass --encoding utf-16"),
        (b"PK\x03\x04sheet", "a spreadsheet; unpack it, or save the sheet as CSV"),
        (b"\x1f\x8b\x08\x00", r"gzipped; end its name in \.gz"),
        (b"PAR1\x15\x04", r"Parquet; end its name in \.parquet"),
        ("user,item,rating,timestamp\nann,1,5,20170714\nbob,2,4,20171231\n", "20170714 are dates, not seconds"),
        ('user,item,rating\nann,1,"5\nbob,2,4\n', "bad|no good line"),
    ],
)
def test_hopeless_ratings_files_have_a_name(write, ratings, message):
    with pytest.raises(LogError, match=message) as caught:
        read_log(*write(ratings))
    assert "ratings.csv" in str(caught.value)


def test_files_in_utf_16_are_read_if_they_say_so(write):
    written = [text.encode("utf-16") for text in (RATINGS, ITEMS)]
    assert len(read_log(*write(*written), encoding="utf-16").interactions) == 3
    with pytest.raises(LogError, match=r"items\.csv, line 1: its beginning is not utf-16"):
        read_log(*write(), encoding="utf-16")


@pytest.mark.parametrize("times", [("20170714", "20171331"), ("20170714", "17000101"), ("20170714.5", "20170715")])
def test_seconds_that_are_no_dates_are_seconds(write, times):
    log = read_log(*write("user,item,rating,timestamp\nann,1,5,{}\nbob,2,4,{}\n".format(*times)))
    assert log.interactions.times.tolist() == [float(time) for time in times]


def test_missing_files_and_meaningless_options(write, tmp_path):
    ratings, items = write()
    with pytest.raises(LogError, match=r"nowhere\.csv cannot be opened"):
        read_log(ratings, tmp_path / "nowhere.csv")
    with pytest.raises(LogError, match=r"nowhere\.parquet"):
        read_log(tmp_path / "nowhere.parquet", items)
    with pytest.raises(LogError, match="'usr' has no meaning"):
        read_log(ratings, items, columns={"usr": "x"})
    for name in ("klingon", "base64", "rot13", "a\0b"):
        with pytest.raises(LogError, match=r"encoding .* is unknown"):
            read_log(ratings, items, encoding=name)
    for wrong in ("user=userId", {"user": 3}):
        with pytest.raises(LogError, match="columns must map"):
            read_log(ratings, items, columns=wrong)
    (tmp_path / "fake.parquet").write_text("no parquet")
    with pytest.raises(LogError, match="cannot be read as Parquet"):
        read_log(tmp_path / "fake.parquet", items)


def test_ratings_that_no_model_can_hold_are_bad_lines(write):
    log = read_log(*write("user,item,rating\nann,1,5\nann,2,1e39\nann,2,-2e12\nbob,1,2\n"), max_bad_share=0.5)
    assert log.problems[1].examples == (
        "line 3, field rating: '1e39' is beyond 1e+12",
        "line 4, field rating: '-2e12' is beyond 1e+12",
    )
    with pytest.raises(LogError, match="all ratings are equal"):  # in float32 they are
        read_log(*write("user,item,rating\nann,1,1\nbob,2,1.000000001\n"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rating": "item"}, "column 'item' cannot be both item and rating"),
        ({"user": "who", "timestamp": "who"}, "column 'who' cannot be both user and timestamp"),
        ({"title": "categories"}, "column 'categories' cannot be both title and categories"),
        ({"stars": "rating"}, "column 'stars' has no meaning"),
    ],
)
def test_a_column_has_one_meaning(write, columns, message):
    with pytest.raises(LogError, match=message):
        read_log(*write(), columns=columns)


def test_ids_of_another_spelling_have_a_hint(write):
    with pytest.raises(LogError, match=r"'1\.0' is not in the items file.*first item '1'.*3\.0 is not 3"):
        read_log(*write("user,item,rating\nann,1.0,5\nann,2.0,1\n"), max_bad_share=1.0)


def test_a_header_beyond_all_bounds_has_a_name(write):
    with pytest.raises(LogError, match=r"ratings\.csv, line 1: field larger"):
        read_log(*write("user,item,rating," + "x" * 200_000 + "\nann,1,5,0\n"))


@pytest.mark.parametrize(
    ("ratings", "items", "message"),
    [
        (
            "userId,movieId,rating\nann,1,5\n",
            ITEMS,
            r"ratings.*no column 'user', 'item'.*--columns user=userId,item=mov",
        ),
        ("user,item,stars\nann,1,5\n", ITEMS, r"no column 'rating'.*--columns rating=stars \(rating= if that is not"),
        ("user,item,rating,ts\nann,1,5,1\n", ITEMS, r"no column 'timestamp'.*--columns timestamp=ts \(timestamp= if"),
        (
            RATINGS,
            "id,name,genres\n1,A,\n",
            r"items.*--columns items\.item=id,title=name,categories=genres \(categories=",
        ),
        ("who,what,how\nann,1,5\n", ITEMS, r"it has 'who', 'what', 'how'\. Say which is which"),
    ],
)
def test_guesses_are_told_and_never_taken(write, ratings, items, message):
    with pytest.raises(LogError, match=message):
        read_log(*write(ratings, items))


@pytest.mark.parametrize(
    ("ratings", "items", "message"),
    [
        ("user,item,rating\nann,1,5\nann,2,1\n", ITEMS, "ratings.*only one user, 'ann'"),
        ("user,item,rating,timestamp\na,1,5,1e12\nb,2,1,1e12\n", ITEMS, "ratings.*divide milliseconds by 1000"),
        ("user,item,rating\n7,1,5\n7.0,2,1\n", ITEMS, r"ratings.*field user: '7' is also written as '7\.0'"),
        ("user,item,rating\n7,1,5\n8,1.00,1\n", None, r"ratings.*field item: '1' is also written as '1\.00'"),
        (RATINGS, "item,title\n1,A\n1.0,B\n", r"items.*field item: '1' is also written as '1\.0'"),
        (RATINGS, "item,title\n1,\n2,\n", r"items.*2 of 2 lines are bad.*line 2, field title: is missing"),
        (RATINGS, "item,title\n-1,A\n2,B\n", r"items.*line 2, field item: '-1' is a negative id"),
    ],
)
def test_logs_of_no_use_have_a_name(write, ratings, items, message):
    paths = write(ratings, items or ITEMS)
    with pytest.raises(LogError, match=message):
        read_log(paths[0], None if items is None else paths[1])


def test_hopeless_files_are_not_read_to_their_end(write, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 1000)
    stages = []
    bad_first = "user,item,rating\n" + "ann,1,bad\n" * 8000 + "ann,1,5\nbob,1,4\n" * 12_000
    with pytest.raises(LogError, match=r"of its first \d+ lines are bad.*line 2, field rating: 'bad'"):
        read_log(*write(bad_first), max_bad_share=0.1, progress=lambda *told: stages.append(told))
    assert stages[-1][0] == "reading ratings"
    assert stages[-1][1] < stages[-1][2] == len(bad_first)
    log = read_log(*write(bad_first), max_bad_share=0.3)
    assert (log.problems[1].bad, log.problems[1].lines) == (8000, 32_000)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_errors(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    (folder / "r.csv").write_bytes(b"user,item,rating\n" + data)
    (folder / "i.csv").write_text(ITEMS)
    try:
        log = read_log(folder / "r.csv", folder / "i.csv", max_bad_share=1.0)
    except LongrecError:
        return
    assert len(log.interactions)
    assert log.items["item"].to_list() == ["1", "2", "3"]
