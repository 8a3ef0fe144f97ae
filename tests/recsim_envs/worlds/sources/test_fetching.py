"""Fetching: names, licences, folders of one's own, and what is told where files are missing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from recsim_envs.errors import ConfigurationError, LogError
from recsim_envs.worlds.sources import SOURCES, fetch, find_source, licence_text
from recsim_envs.worlds.sources.licences import RECORD
from tests.recsim_envs.worlds.sources import raw
from tests.recsim_envs.worlds.sources.server import Script, serving


def yes(_):
    return True


def never(_):
    raise AssertionError("asked again")


@pytest.mark.parametrize(("name", "near"), [("ml-1", "ml-1m"), ("kuairandpure", "kuairand-pure"), ("coats", "coat")])
def test_an_unknown_name_is_told_the_nearest(name, near):
    with pytest.raises(ConfigurationError, match=f"no data set '{name}'; did you mean {near}"):
        find_source(name)


def test_names_are_found_in_any_case_and_ids_are_proposed():
    assert find_source("KuaiRec") is SOURCES["kuairec"]
    ids = {name: source.env_id for name, source in SOURCES.items()}
    assert ids["ml-1m"] == "mine/ML1M-v0"
    assert ids["kuairand-pure"] == "mine/KuairandPure-v0"
    assert len(set(ids.values())) == len(SOURCES) == 13


def test_the_licence_is_asked_once_and_again_when_it_changes(tmp_path, own_home, monkeypatch):
    raw.yahoo(tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"yahoo-r3 .*is not accepted, so nothing is fetched.*--accept-licence"
    ):
        fetch("yahoo-r3", raw_dir=tmp_path, accept=lambda _: False)
    assert not (own_home / RECORD).exists()
    assert fetch("yahoo-r3", raw_dir=tmp_path, accept=yes) == tmp_path
    assert fetch("yahoo-r3", raw_dir=tmp_path, accept=never) == tmp_path
    entry = json.loads((own_home / RECORD).read_text())["yahoo-r3"]
    assert entry["sha256"] == SOURCES["yahoo-r3"].licence.digest
    assert len(entry["date"]) == len("2026-01-01")
    changed = replace(SOURCES["yahoo-r3"], licence=replace(SOURCES["yahoo-r3"].licence, terms="New terms."))
    monkeypatch.setitem(SOURCES, "yahoo-r3", changed)
    with pytest.raises(ConfigurationError, match="is not accepted"):
        fetch("yahoo-r3", raw_dir=tmp_path, accept=lambda _: False)


def test_a_damaged_record_is_named(tmp_path, own_home):
    raw.yahoo(tmp_path)
    own_home.mkdir()
    for content in ("{", "[]", '{"coat": 1}'):
        (own_home / RECORD).write_text(content)
        with pytest.raises(LogError, match=r"licences\.json.*delete it"):
            fetch("yahoo-r3", raw_dir=tmp_path, accept=yes)


def test_the_licence_text_names_terms_address_and_citation():
    text = licence_text(SOURCES["ml-100k"])
    assert all(part in text for part in ("GroupLens research terms", "commercial", "https://grouplens.org", "Harper"))


def test_a_manual_data_set_says_where_to_ask_and_what_to_bring(own_home):
    with pytest.raises(LogError) as error:
        fetch("yahoo-r3", accept=yes)
    text = str(error.value)
    assert "ydata-ymusic-rating-study-v1_0-train.txt" in text
    assert "ydata-ymusic-rating-study-v1_0-test.txt" in text
    assert "sent on request only: ask on https://webscope" in text
    assert "--raw-dir" in text


def test_missing_files_are_named_one_by_one_with_their_addresses(tmp_path, own_home):
    (tmp_path / "meta_Books.json.gz").write_bytes(b"")
    with pytest.raises(LogError, match=r"ratings_Books\.csv  from https://snap\.stanford") as error:
        fetch("amazon-books-2014", raw_dir=tmp_path, accept=yes)
    assert "meta_Books" not in str(error.value)


def test_the_real_ml_100k_lies_unpacked_in_a_folder_of_its_own(shared_data, own_home):
    folder = shared_data / "ml-100k"
    assert fetch("ml-100k", raw_dir=folder, accept=yes) == folder


def test_an_archive_of_ones_own_is_checked_and_kept(tmp_path, own_home):
    raw.ml_1m(tmp_path)
    with pytest.raises(
        LogError, match=r"ml-1m\.zip is damaged or another file: md5 is .*c4d9eecfca2ab87c1945afe126590906"
    ):
        fetch("ml-1m", raw_dir=tmp_path, accept=yes)
    assert (tmp_path / "ml-1m.zip").exists()


def test_files_are_downloaded_to_the_home_folder(tmp_path, own_home, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    raw.coat(tmp_path)
    content = (tmp_path / "coat.zip").read_bytes()
    script = Script(content)
    with serving(script) as url:
        file = replace(SOURCES["coat"].files[0], url=url)
        monkeypatch.setitem(SOURCES, "coat", replace(SOURCES["coat"], files=(file,)))
        folder = fetch("coat", accept=yes)
        fetch("coat", accept=never)
    assert folder == own_home / "raw" / "coat"
    assert (folder / "coat.zip").read_bytes() == content
    assert len(script.asked) == 1
    recorded = json.loads((folder / "checksums.json").read_text())["coat.zip"]["sha256"]
    assert recorded == hashlib.sha256(content).hexdigest()


def test_nothing_heavy_is_imported_before_it_is_needed():
    heavy = {"pooch", "requests", "torch", "pyarrow.json"}
    code = f"import sys, recsim_envs.worlds.sources; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
