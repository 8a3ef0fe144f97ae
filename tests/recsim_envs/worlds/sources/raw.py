"""Tiny data sets in their publishers' formats, written by the tests; nothing in them is copied."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_zip(path: Path, members: Mapping[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_tar(path: Path, members: Mapping[str, str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))


def write_gz(path: Path, lines: Sequence[str]) -> None:
    with gzip.open(path, "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def ml_1m(folder: Path, ratings: Sequence[str] = ()) -> None:
    films = ["1::Café: A Story (1995)::Comedy|Drama", "2::Heat: Part 2 (1999)::Action", "9::Nobody Saw It (1990)::War"]
    rated = ["1::1::5::978300760", "1::2::3::978302109", "2::1::4::978301968", "1::1::2::978300000", *ratings]
    write_zip(
        folder / "ml-1m.zip",
        {
            "ml-1m/": b"",
            "ml-1m/README": "about",
            "ml-1m/movies.dat": "".join(f"{line}\n" for line in films).encode("latin-1"),
            "ml-1m/ratings.dat": "".join(f"{line}\n" for line in rated).encode("latin-1"),
        },
    )


def ml_csv(folder: Path, name: str) -> None:
    films = 'movieId,title,genres\n1,Toys (1995),Adventure|Children\n11,"American, The (1995)",(no genres listed)\n'
    ratings = "userId,movieId,rating,timestamp\n1,1,3.5,1112486027\n1,11,0.5,1112484676\n2,11,5.0,1112484819\n"
    write_zip(folder / f"{name}.zip", {f"{name}/movies.csv": films, f"{name}/ratings.csv": ratings})


GAMES = [
    "{u'publisher': u'Kot', u'genres': [u'Action', u'Indie'], u'app_name': u'Lost Cat', u'title': u'Lost Cat', "
    "u'url': u'http://x/1', u'release_date': u'2018-01-04', u'tags': [u'Strategy', u'Cats'], u'specs': "
    "[u'Single-player'], u'price': 4.99, u'early_access': False, u'id': u'761140', u'developer': u'Kot'}",
    "{u'app_name': u\"Gil's Café\", u'tags': [u'Casual'], u'price': u'Free To Play', u'id': u'643980'}",
    "{u'publisher': u'', u'genres': [u'Action']}",  # one of the real ones has no id either
]
REVIEWS = [
    "{u'username': u'Chaos', u'hours': 0.1, u'products': 41.0, u'product_id': u'761140', u'page_order': 0, "
    "u'date': u'2017-12-17', u'text': u'back\\slash', u'early_access': False, u'page': 1}",
    "{u'username': u'Ann', u'hours': 51.1, u'product_id': u'643980', u'date': u'2017-12-27', u'text': u'ok', "
    "u'user_id': u'76561198027973295', u'compensation': u'Product received for free'}",
    "{u'username': u'Ann', u'hours': 2000.0, u'product_id': u'761140', u'date': u'2017-12-28', u'found_funny': 2}",
    "{u'username': u'Bob', u'hours': 1.0, u'product_id': u'761140', u'date': u'2018-01-04'}",
]


def steam(folder: Path, games: Sequence[str] = GAMES[:2], reviews: Sequence[str] = REVIEWS) -> None:
    write_gz(folder / "steam_games.json.gz", games)
    write_gz(folder / "steam_reviews.json.gz", reviews)


def amazon_2014(folder: Path) -> None:
    write_gz(
        folder / "meta_Books.json.gz",
        [
            "{'asin': '0001048791', 'salesRank': {'Books': 6334800}, 'imUrl': 'http://x', 'categories': [['Books']], "
            "'title': 'The Crucible: Performed by Stuart'}",
            "{'asin': '000100039X', 'categories': [['Books', 'Spirituality'], ['Books', 'Poetry']], "
            "'description': 'In a distant, timeless place', 'related': {'also_bought': ['1']}}",
        ],
    )
    (folder / "ratings_Books.csv").write_text(
        "AH2L9G3DQHHAJ,000100039X,4.0,1019865600\nA2IIIDRK3PRRZY,0001048791,1.0,1395619200\n"
        "AH2L9G3DQHHAJ,0001048791,5.0,1019865601\nAH2L9G3DQHHAJ,000100039X,2.0,1019865602\n"
    )


def amazon_2023(folder: Path) -> None:
    write_gz(
        folder / "meta_Books.jsonl.gz",
        [
            '{"main_category": "Books", "title": "Chaucer", "subtitle": "1977", "average_rating": 4.5, "features": [], '
            '"description": ["One", "Two"], "price": null, "images": [{"large": "http://x"}], "videos": [], '
            '"store": "P", "categories": ["Books", "Literature & Fiction", "History"], "details": {"Pages": "1"}, '
            '"parent_asin": "0701169850", "bought_together": null}',
            '{"main_category": "Books", "title": "Notes", "description": [], "price": 9.5, "categories": [], '
            '"details": {}, "parent_asin": "B00KFOP3RG"}',
        ],
    )
    write_gz(
        folder / "Books.jsonl.gz",
        [
            '{"rating": 1.0, "title": "Not good", "text": "No \\ud83d", "images": [], "asin": "B09BGPFTDB", '
            '"parent_asin": "B00KFOP3RG", "user_id": "AFKZ", "timestamp": 1642399598485, "helpful_vote": 0, '
            '"verified_purchase": true}',
            '{"rating": 5.0, "title": "Good", "text": "Yes", "images": [], "asin": "0701169850", '
            '"parent_asin": "0701169850", "user_id": "AFKZ", "timestamp": 1588615855070, "helpful_vote": 2, '
            '"verified_purchase": false}',
        ],
    )


def goodreads(folder: Path) -> None:
    write_gz(
        folder / "goodreads_book_genres_initial.json.gz",
        [
            '{"book_id": "5333265", "genres": {"history, historical fiction, biography": 1, "fiction": 31}}',
            '{"book_id": "1333909", "genres": {}}',
        ],
    )
    write_gz(
        folder / "goodreads_books.json.gz",
        [
            '{"isbn": "0312853122", "series": [], "popular_shelves": [{"count": "3", "name": "to-read"}], '
            '"description": "", "authors": [{"author_id": "604031", "role": ""}], "book_id": "5333265", '
            '"title": "W.C. Fields: A Life on Film", "work_id": "5400751"}',
            '{"isbn": "", "description": "Anita", "book_id": "1333909", "title": "Good Harbor"}',
        ],
    )
    seen = (
        '{{"user_id": "{}", "book_id": "{}", "review_id": "r", "is_read": {}, "rating": {}, '
        '"review_text_incomplete": "", "date_added": "Sat Mar 18 11:37:04 -0700 2017", "date_updated": "{}", '
        '"read_at": "", "started_at": ""}}'
    )
    day = "Wed Mar 22 11:37:04 -0700 2017"
    write_gz(
        folder / "goodreads_interactions_dedup.json.gz",
        [
            seen.format("8842", "5333265", "true", 5, day),
            seen.format("8842", "1333909", "false", 0, day),
            seen.format("72cd", "1333909", "true", 3, day),
            seen.format("72cd", "5333265", "true", 1, day),
        ],
    )


def kuairec(folder: Path) -> None:
    head = "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"
    big = "0,3649,13838,10867,2020-07-05 00:08:23.438,20200705,1593878903.438,1.273397\n0,9598,900,10,,,,90.0\n"
    small = "14,3649,4381,6067,,,,0.722103\n14,9598,3635,6100,2020-07-05,20200705,1593879000.5,0.0\n"
    tags = 'video_id,feat\n3649,"[27, 9]"\n9598,[8]\n'
    top = "KuaiRec 2.0/data/"
    write_zip(
        folder / "KuaiRec.zip",
        {
            f"{top}big_matrix.csv": head + big,
            f"{top}small_matrix.csv": head + small,
            f"{top}item_categories.csv": tags,
            f"{top}user_features.csv": "user_id\n0\n",
            "__MACOSX/KuaiRec 2.0/data/._big_matrix.csv": "x",
        },
    )
    levels = [f"{n}_level_category_{k}" for n in ("first", "second", "third") for k in ("id", "name")]
    names = ["video_id", "manual_cover_text", "caption", "topic_tag", *levels]
    (folder / "kuairec_caption_category.csv").write_text(
        ",".join(names)
        + '\n3649,UNKNOWN,"精神小伙路难走，程哥你狗粮慢点撒","[""搞笑""]",8,颜值,673,颜值随拍,-124,UNKNOWN\n'
        "9598,UNKNOWN,,[],-124,UNKNOWN,-124,UNKNOWN,-124,UNKNOWN\n"
    )


def kuairand(folder: Path, version: str) -> None:
    head = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
    head += "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab\n"
    line = "{},{},20220421,400,{},{},0,0,0,0,0,1,151024,104400,0,0,0,{},1\n"
    features = "video_id,author_id,video_type,upload_dt,upload_type,visible_status,video_duration,server_width,"
    features += "server_height,music_id,music_type,tag\n"
    end, top = version.lower(), f"KuaiRand-{version}/data/"
    write_tar(
        folder / f"KuaiRand-{version}.tar.gz",
        {
            f"{top}log_random_4_22_to_5_08_{end}.csv": head + line.format(0, 7, 1650900000000, 0, 1),
            f"{top}log_standard_4_08_to_4_21_{end}.csv": head
            + line.format(0, 5, 1650485801301, 1, 0)
            + line.format(3, 5, 1650485801302, 0, 0),
            f"{top}log_standard_4_22_to_5_08_{end}.csv": head + line.format(0, 5, 1650685801301, 0, 0),
            f"{top}video_features_basic_{end}.csv": features
            + '5,1,NORMAL,2022-04-20,x,1,104400.0,720,1280,3,9,"12,65"\n7,1,AD,2022-04-20,x,1,,720,1280,3,9,\n',
            f"{top}video_features_statistic_{end}.csv": "video_id\n5\n",
        },
    )


def coat(folder: Path) -> None:
    names = ["gender:men", "gender:women", "jackettype:parkas", "color:black", "onfrontpage:yes", "onfrontpage:no"]
    write_zip(
        folder / "coat.zip",
        {
            "coat/train.ascii": "0 5 0 \n1 0 2 \n",
            "coat/test.ascii": "3 0 0 \n0 4 0 \n",
            "coat/user_item_features/item_features.ascii": "1 0 1 1 1 0\n0 1 0 0 0 1\n0 0 0 0 1 0\n",
            "coat/user_item_features/item_features_map.txt": "".join(f"{name}\n" for name in names),
        },
    )


def yahoo(folder: Path) -> None:
    name = "ydata-ymusic-rating-study-v1_0-{}.txt"
    (folder / name.format("train")).write_text("1\t14\t5\n1\t35\t1\n10\t14\t3\n2\t14\t2\n")
    (folder / name.format("test")).write_text("1\t49\t1\n2\t35\t4\n")
