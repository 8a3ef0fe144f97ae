"""Archives: what is wanted is taken out, and nothing else is believed."""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
import zipfile

import pytest

from recsim_envs.errors import LogError
from recsim_envs.worlds.sources.archives import lying_unpacked, members
from recsim_envs.worlds.sources.source import RawFile, silent
from tests.recsim_envs.worlds.sources.raw import write_tar, write_zip

ZIP = RawFile("https://example.org/a.zip", "a.zip", members=("data/x.csv", "y.csv"), unpacked=1000)
TAR = RawFile("https://example.org/a.tar.gz", "a.tar.gz", members=("data/x.csv", "y.csv"), unpacked=1000)
GOOD = {"Top 2.0/data/x.csv": "x", "Top 2.0/y.csv": "y", "Top 2.0/other.csv": "z" * 9000}


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory, monkeypatch):
    """Nothing may stay in the temporary folder."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def taken(file, folder):
    with members(file, folder, silent) as paths:
        return {name: path.read_text() for name, path in paths.items()}


def add(archive: tarfile.TarFile, name: str, **fields) -> None:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(b"\0" * info.size))


@pytest.mark.parametrize(("file", "write"), [(ZIP, write_zip), (TAR, write_tar)], ids=["zip", "tar"])
class TestBoth:
    def test_members_are_found_under_whatever_top_folder(self, tmp_path, file, write):
        write(tmp_path / file.name, GOOD)
        assert taken(file, tmp_path) == {"x.csv": "x", "y.csv": "y"}

    def test_progress_tells_what_is_unpacked(self, tmp_path, file, write):
        write(tmp_path / file.name, GOOD)
        told = []
        with members(file, tmp_path, lambda *event: told.append(event)):
            assert told == [("unpack x.csv", 1, 1), ("unpack y.csv", 1, 1)]

    @pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "\\evil"])
    def test_paths_that_lead_out_are_refused(self, tmp_path, file, write, name):
        write(tmp_path / file.name, GOOD | {name: "evil"})
        with pytest.raises(LogError, match=r"a\..*: member '.*evil' leads out"):
            taken(file, tmp_path)

    def test_a_missing_and_a_double_member(self, tmp_path, file, write):
        write(tmp_path / file.name, {"data/x.csv": "x"})
        with pytest.raises(LogError, match=r"y\.csv is not in it"):
            taken(file, tmp_path)
        write(tmp_path / file.name, GOOD | {"other/y.csv": "y"})
        with pytest.raises(LogError, match=r"y\.csv is in it 2 times"):
            taken(file, tmp_path)

    def test_a_bomb_is_not_unpacked(self, tmp_path, file, write):
        write(tmp_path / file.name, GOOD | {"Top 2.0/y.csv": "0" * 3000})
        with pytest.raises(LogError, match="would fill 3,001 bytes where about 1,000 are expected"):
            taken(file, tmp_path)

    @pytest.mark.parametrize("keep", [0.3, 0.9])
    def test_a_truncated_archive(self, tmp_path, file, write, keep):
        write(tmp_path / file.name, GOOD)
        data = (tmp_path / file.name).read_bytes()
        (tmp_path / file.name).write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(LogError, match=r"a\..* is truncated or damaged"):
            taken(file, tmp_path)

    def test_errors_about_a_member_name_the_archive(self, tmp_path, file, write):
        write(tmp_path / file.name, GOOD)
        with pytest.raises(LogError) as error, members(file, tmp_path, silent) as paths:
            raise LogError(f"{paths['x.csv']}, line 3: is odd")
        assert str(error.value) == f"{tmp_path / file.name}: x.csv, line 3: is odd"

    def test_members_that_lie_unpacked_serve_as_well(self, tmp_path, file, write):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "x.csv").write_text("deep")
        (tmp_path / "y.csv").write_text("flat")
        assert taken(file, tmp_path) == {"x.csv": "deep", "y.csv": "flat"}

    def test_members_may_lie_in_the_folder_that_the_archive_made(self, tmp_path, file, write):
        (tmp_path / "a" / "data").mkdir(parents=True)
        (tmp_path / "a" / "data" / "x.csv").write_text("deep")
        assert lying_unpacked(file, tmp_path) == {}
        (tmp_path / "a" / "y.csv").write_text("flat")
        assert taken(file, tmp_path) == {"x.csv": "deep", "y.csv": "flat"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("symbolic", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": "data/x.csv"}),
        ("device", {"type": tarfile.CHRTYPE}),
        ("pipe", {"type": tarfile.FIFOTYPE}),
    ],
)
def test_links_and_devices_in_a_tar(tmp_path, kind, fields):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        add(archive, "data/x.csv", size=3)
        add(archive, "y.csv", **fields)
    with pytest.raises(LogError, match=r"member 'y\.csv' is a link or a device"):
        taken(TAR, tmp_path)


def test_a_link_in_a_zip(tmp_path):
    link = zipfile.ZipInfo("y.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("data/x.csv", "x")
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(LogError, match=r"member 'y\.csv' is a link"):
        taken(ZIP, tmp_path)


def test_an_encrypted_zip(tmp_path):
    write_zip(tmp_path / "a.zip", GOOD)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:  # the flag "encrypted" of each entry of the directory
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(LogError, match=r"member 'Top 2\.0/data/x\.csv' is encrypted"):
        taken(ZIP, tmp_path)


def test_a_member_whose_bytes_were_changed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("data/x.csv", "correct horse")
        archive.writestr("y.csv", "y")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"correct", b"corrupt"))
    with pytest.raises(LogError, match=r"a\.zip is truncated or damaged"):
        taken(ZIP, tmp_path)
