"""Each reader on a tiny file in its publisher's exact format."""

from __future__ import annotations

import zipfile

import numpy as np
import polars as pl
import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.logs.log import NO_CATEGORY, Log
from recsim_envs.worlds.sources import SOURCES, read_source
from tests.recsim_envs.worlds.sources import raw


def rows(log: Log, part=None) -> list[tuple[str, str, float]]:
    found = log.interactions if part is None else part
    items = log.items["item"]
    return [
        (log.users[int(u)], items[int(i)], round(float(v), 4))
        for u, i, v in zip(found.users, found.items, found.values, strict=True)
    ]


def shelf(log: Log) -> dict[str, tuple[str, list[str], str | None]]:
    return {item: (title, categories, text) for item, title, categories, text in log.items.iter_rows()}


def test_ml_1m_has_colons_in_titles_and_latin_letters_and_keeps_the_latest_rating(tmp_path):
    raw.ml_1m(tmp_path)
    log = read_source("ml-1m", tmp_path)
    assert rows(log) == [("1", "1", 5.0), ("1", "2", 3.0), ("2", "1", 4.0)]
    assert log.interactions.times.tolist() == [978300760.0, 978302109.0, 978301968.0]
    assert shelf(log)["1"] == ("Café: A Story (1995)", ["Comedy", "Drama"], None)
    assert shelf(log)["2"][0] == "Heat: Part 2 (1999)"
    assert log.replaced == 1
    assert [(p.file, p.lines, p.bad) for p in log.problems] == [("movies.dat", 3, 0), ("ratings.dat", 4, 0)]


def test_bad_lines_of_ml_1m_are_counted_and_told_by_line_and_field(tmp_path):
    good = [f"{user}::1::3::978300760" for user in range(10, 1000)]
    bad = ["5::1::x::978300760", "5::1::9::978300760", "5::77::3::978300760", "5::1::3"]
    raw.ml_1m(tmp_path, [*good, *bad])
    ratings = read_source("ml-1m", tmp_path).problems[1]
    assert (ratings.lines, ratings.bad) == (998, 4)
    assert ratings.examples == (
        "line 995, field rating: 'x' is no number that is understood",
        "line 996, field rating: '9' is not within 0.5 and 5",
        "line 997, field item: '77' is not among the items",
        "line 998, field unread: '5::1::3' is no record",
    )


def test_too_many_bad_lines_are_fatal(tmp_path):
    raw.ml_1m(tmp_path, ["junk"])
    with pytest.raises(LogError, match=r"ml-1m\.zip: ratings\.dat: 1 of 5 lines are bad.*line 5.*'junk'"):
        read_source("ml-1m", tmp_path)


@pytest.mark.parametrize("name", ["ml-20m", "ml-32m"])
def test_movielens_csv(tmp_path, name):
    raw.ml_csv(tmp_path, name)
    log = read_source(name, tmp_path)
    assert rows(log) == [("1", "11", 0.5), ("1", "1", 3.5), ("2", "11", 5.0)]
    assert shelf(log)["1"] == ("Toys (1995)", ["Adventure", "Children"], None)
    assert shelf(log)["11"] == ("American, The (1995)", [NO_CATEGORY], None)


def test_a_csv_without_the_expected_column_is_refused(tmp_path):
    movies, ratings = "movieId,name,genres\n1,A,B\n", "userId,movieId,rating,timestamp\n1,1,3,4\n"
    raw.write_zip(tmp_path / "ml-20m.zip", {"ml-20m/movies.csv": movies, "ml-20m/ratings.csv": ratings})
    with pytest.raises(LogError, match=r"movies\.csv: no column 'title'; it has 'movieId', 'name', 'genres'"):
        read_source("ml-20m", tmp_path)


def test_steam_has_hours_in_levels(tmp_path):
    raw.steam(tmp_path)
    log = read_source("steam", tmp_path)
    assert rows(log) == [
        ("Ann", "643980", 4.0),
        ("Ann", "761140", 5.0),
        ("Bob", "761140", 2.0),
        ("Chaos", "761140", 1.0),
    ]
    assert shelf(log)["761140"] == ("Lost Cat", ["Action", "Indie"], "Strategy, Cats, Single-player")
    assert shelf(log)["643980"] == ("Gil's Café", ["Casual"], "Casual")
    assert log.interactions.times[0] == pl.Series(["2017-12-27"]).str.to_datetime().dt.epoch("s")[0]


def test_steam_understands_literals_and_runs_nothing(tmp_path):
    trap = tmp_path / "trap"
    bad = f"__import__('pathlib').Path({str(trap)!r}).write_text('run')"
    reviews = [*raw.REVIEWS * 30, bad, "(" * 300, "[1]", "{u'username': u'Ann', u'product_id': u'761140'}"]
    raw.steam(tmp_path, reviews=reviews)
    found = read_source("steam", tmp_path).problems[1]
    assert not trap.exists()
    assert (found.lines, found.bad) == (124, 4)
    assert found.examples[0].startswith("line 121, field unread: \"__import__('pathlib')")
    assert found.examples[3] == "line 124, field rating: is missing"


def test_games_without_id_and_twice_are_bad(tmp_path):
    games = [*(raw.GAMES[0].replace("761140", f"{n}") for n in range(1000, 1400)), *raw.GAMES, raw.GAMES[0]]
    raw.steam(tmp_path, games=games)
    found = read_source("steam", tmp_path).problems[0]
    assert found.examples == ("line 403, field item: is missing", "line 404, field item: '761140' was listed before")


def test_amazon_2014(tmp_path):
    raw.amazon_2014(tmp_path)
    log = read_source("amazon-books-2014", tmp_path)
    assert rows(log) == [
        ("A2IIIDRK3PRRZY", "0001048791", 1.0),
        ("AH2L9G3DQHHAJ", "0001048791", 5.0), ("AH2L9G3DQHHAJ", "000100039X", 2.0),
    ]  # fmt: skip
    assert shelf(log)["0001048791"] == ("The Crucible: Performed by Stuart", [NO_CATEGORY], None)
    assert shelf(log)["000100039X"] == ("000100039X", ["Spirituality", "Poetry"], "In a distant, timeless place")


def test_amazon_2023(tmp_path):
    raw.amazon_2023(tmp_path)
    log = read_source("amazon-books-2023", tmp_path)
    assert rows(log) == [("AFKZ", "0701169850", 5.0), ("AFKZ", "B00KFOP3RG", 1.0)]
    assert np.allclose(log.interactions.times, [1588615855.070, 1642399598.485], rtol=0, atol=1e-6)
    assert shelf(log)["0701169850"] == ("Chaucer", ["Literature & Fiction", "History"], "One Two")
    assert shelf(log)["B00KFOP3RG"] == ("Notes", [NO_CATEGORY], None)


def test_goodreads_leaves_out_what_nobody_rated(tmp_path):
    raw.goodreads(tmp_path)
    log = read_source("goodreads", tmp_path)
    assert sorted(rows(log)) == [("72cd", "1333909", 3.0), ("72cd", "5333265", 1.0), ("8842", "5333265", 5.0)]
    assert log.interactions.times.tolist() == [1490207824.0] * 3
    genres = ["fiction", "history, historical fiction, biography"]
    assert shelf(log)["5333265"] == ("W.C. Fields: A Life on Film", genres, None)
    assert shelf(log)["1333909"] == ("Good Harbor", [NO_CATEGORY], "Anita")
    assert [p.lines for p in log.problems] == [2, 2, 4]


def test_kuairec_cuts_watch_ratios_off_and_takes_the_small_matrix_as_random(tmp_path):
    raw.kuairec(tmp_path)
    log = read_source("kuairec", tmp_path)
    assert sorted(rows(log)) == [("0", "3649", 1.2734), ("0", "9598", 5.0)]
    assert sorted(rows(log, log.random)) == [("14", "3649", 0.7221), ("14", "9598", 0.0)]
    assert np.isnan(log.interactions.times).sum() == 1
    title, categories, text = shelf(log)["3649"]
    assert (title, categories) == ("精神小伙路难走，程哥你狗粮慢点撒", ["颜值", "颜值随拍"])
    assert text == '精神小伙路难走，程哥你狗粮慢点撒 ["搞笑"]'
    assert shelf(log)["9598"] == ("video 9598", ["tag 8"], None)


def test_torn_captions_cost_their_own_titles_only(tmp_path):
    raw.kuairec(tmp_path)
    path = tmp_path / "kuairec_caption_category.csv"
    head, *rest = path.read_text("utf-8").splitlines()
    torn = ['7,UNKNOWN,"never closed, [],8,a,1,b,2,c', "8,UNKNOWN,first", "second,[],8,a,1,b,2,c"]
    spare = [f"{n},UNKNOWN,,[],8,a,1,b,2,c" for n in range(100, 120)]
    path.write_text("\n".join([head, *torn, *spare, *rest]), "utf-8")
    log = read_source("kuairec", tmp_path)
    assert shelf(log)["3649"][1] == ["颜值", "颜值随拍"]
    found = next(p for p in log.problems if p.file == path.name)
    assert (found.lines, found.bad) == (25, 3)
    assert [example[:6] for example in found.examples] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize("version", ["Pure", "1K"])
def test_kuairand_has_clicks_and_a_random_split(tmp_path, version):
    raw.kuairand(tmp_path, version)
    log = read_source(f"kuairand-{version.lower()}", tmp_path)
    assert rows(log) == [("0", "5", 0.0), ("3", "5", 0.0)]
    assert log.interactions.times[0] == 1650685801.301
    assert rows(log, log.random) == [("0", "7", 0.0)]
    assert shelf(log)["5"] == ("video 5", ["tag 12", "tag 65"], None)
    assert shelf(log)["7"] == ("video 7", [NO_CATEGORY], None)
    assert len(log.problems) == 4


def test_coat(tmp_path):
    raw.coat(tmp_path)
    log = read_source("coat", tmp_path)
    assert sorted(rows(log)) == [("1", "2", 5.0), ("2", "1", 1.0), ("2", "3", 2.0)]
    assert sorted(rows(log, log.random)) == [("1", "1", 3.0), ("2", "2", 4.0)]
    assert np.isnan(log.interactions.times).all()
    assert shelf(log)["1"] == (
        "men, parkas, black (coat 1)", ["gender:men", "jackettype:parkas", "color:black"], "men, parkas, black",
    )  # fmt: skip
    assert shelf(log)["3"] == ("coat 3", [NO_CATEGORY], None)


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("train.ascii", "0 5 0\n1 0\n", "line 2: has 2 numbers, not 3"),
        ("train.ascii", "0 5 0\n1 0 7\n", "line 2, number 3: 7 is no rating"),
        ("train.ascii", "0 5\n1 0\n", "do not belong together"),
        ("train.ascii", "0 x 0\n1 0 2\n", "is no matrix of numbers"),
        ("train.ascii", "", "do not belong together"),
        ("user_item_features/item_features_map.txt", "gender:men\n", "do not belong together"),
    ],
)
def test_matrices_of_coat_must_be_whole(tmp_path, member, content, message):
    raw.coat(tmp_path)
    with zipfile.ZipFile(tmp_path / "coat.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    raw.write_zip(tmp_path / "coat.zip", members | {f"coat/{member}": content})
    with pytest.raises(LogError, match=rf"coat\.zip: .*{message}"):
        read_source("coat", tmp_path)


def test_yahoo_r3(tmp_path):
    raw.yahoo(tmp_path)
    log = read_source("yahoo-r3", tmp_path)
    assert rows(log) == [("1", "14", 5.0), ("1", "35", 1.0), ("2", "14", 2.0), ("10", "14", 3.0)]
    assert rows(log, log.random) == [("1", "49", 1.0), ("2", "35", 4.0)]
    assert shelf(log)["14"] == ("14", [NO_CATEGORY], None)


def test_the_real_ml_100k_is_read_unpacked(shared_data):
    log = read_source("ml-100k", shared_data / "ml-100k")
    assert (len(log.interactions), len(log.users), len(log.items)) == (100_000, 943, 1682)
    assert np.bincount(log.interactions.values.astype(int)).tolist() == [0, 6110, 11370, 27145, 34174, 21201]
    assert shelf(log)["1"][1] == ["Animation", "Children's", "Comedy"]


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_every_source_is_told_in_full(source):
    assert callable(source.reader())
    assert source.name == source.name.lower()
    assert all(len(text) > 20 for text in (source.licence.terms, source.citation, source.value))
    for file in source.files:
        assert file.url.startswith("https://")
        assert file.checksum is None or file.checksum.startswith(("md5:", "sha256:"))
        assert bool(file.members) == file.name.endswith((".zip", ".tar.gz")) == bool(file.unpacked)
