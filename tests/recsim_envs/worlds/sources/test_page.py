"""The page says of each data set what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recsim_envs.worlds.sources import SOURCES

PAGE = (Path(__file__).parents[4] / "docs" / "worlds" / "sources.md").read_text("utf-8")
TABLE = {
    cells[0].strip(" `"): cells for cells in (row.strip("|").split("|") for row in re.findall(r"^\| `.*", PAGE, re.M))
}


def test_every_data_set_is_in_the_table():
    assert list(TABLE) == list(SOURCES)


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_licence_and_checksums_are_those_of_the_code(source):
    _, licence, checksum, *_ = (cell.strip() for cell in TABLE[source.name])
    assert licence == source.licence.name
    published = {bool(file.checksum) for file in source.files}
    assert published == {checksum == "MD5 of the publisher"}
    assert ("on request" in checksum) == source.manual
