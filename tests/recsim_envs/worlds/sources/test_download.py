"""The downloader against servers that cut, hang, refuse, lie, and do not know Range."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from recsim_envs.errors import LogError
from recsim_envs.locks import locked
from recsim_envs.worlds.sources import download as module
from recsim_envs.worlds.sources.download import CHECKSUMS, Patience, check_sum, download
from recsim_envs.worlds.sources.source import RawFile, silent
from tests.recsim_envs.worlds.sources.server import Script, serving, wait_until

CONTENT = bytes(range(256)) * 1000
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
QUICK = Patience(connect=2.0, read=0.3, attempts=3, first_wait=0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetched(script, folder, checksum=MD5, progress=silent, patience=QUICK):
    with serving(script) as url:
        return download(RawFile(url, "file.bin", checksum), folder, progress, patience)


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_good_download_is_checked_shown_and_kept(tmp_path):
    told, script = [], Script(CONTENT)
    path = fetched(script, tmp_path / "raw", progress=lambda *event: told.append(event))
    assert path.read_bytes() == CONTENT
    assert leftovers(tmp_path / "raw") == ["file.bin"]
    assert told[-1] == ("download file.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    fetched(script, tmp_path / "raw")
    assert len(script.asked) == 1  # the second time nothing is asked


def test_a_cut_line_is_gone_on_with(tmp_path):
    script = Script(CONTENT, ["cut", "good"])
    assert fetched(script, tmp_path).read_bytes() == CONTENT
    assert script.asked[1]["Range"] == f"bytes={len(CONTENT) // 2}-"
    assert script.asked[1]["If-Range"] == '"v1"'


@pytest.mark.parametrize(
    "fields", [{"ranges": False}, {"etag": None}, {"etag": 'W/"weak"'}], ids=["no Range", "no version", "weak version"]
)
def test_a_server_that_cannot_go_on_sends_all_again(tmp_path, fields):
    script = Script(CONTENT, ["cut", "good"], **fields)
    assert fetched(script, tmp_path).read_bytes() == CONTENT
    assert ("Range" in script.asked[1]) == ("ranges" in fields)


def test_a_file_that_changed_meanwhile_is_begun_anew(tmp_path):
    with pytest.raises(LogError, match="gave up after 3 attempts"):
        fetched(Script(CONTENT[::-1], ["cut", 503]), tmp_path)
    part = tmp_path / "file.bin.part"
    assert part.read_bytes() == CONTENT[::-1][: len(CONTENT) // 2]
    assert fetched(Script(CONTENT, etag='"v2"'), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(tmp_path):
    script = Script(CONTENT, [416, "good"])
    with serving(script) as url:
        (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
        (tmp_path / "file.bin.part.json").write_text(json.dumps({"url": url, "version": '"v1"'}))
        path = download(RawFile(url, "file.bin", MD5), tmp_path, silent, QUICK)
    assert path.read_bytes() == CONTENT
    assert "Range" not in script.asked[1]


def test_a_part_that_is_whole_is_taken(tmp_path):
    script = Script(CONTENT)
    with serving(script) as url:
        (tmp_path / "file.bin.part").write_bytes(CONTENT)
        (tmp_path / "file.bin.part.json").write_text(json.dumps({"url": url, "version": '"v1"'}))
        told = []
        path = download(RawFile(url, "file.bin", MD5), tmp_path, lambda *event: told.append(event), QUICK)
    assert path.read_bytes() == CONTENT
    assert len(script.asked) == 1
    assert not told  # nothing had to come
    assert leftovers(tmp_path) == ["file.bin"]


def test_the_part_of_another_address_is_not_gone_on_with(tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"another file")
    (tmp_path / "file.bin.part.json").write_text(json.dumps({"url": "http://127.0.0.1/other", "version": '"v1"'}))
    assert fetched(Script(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_bad_certificate_is_told_at_once(tmp_path, monkeypatch):
    import requests

    def get(*_, **__):
        raise requests.exceptions.SSLError("certificate has expired")

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(LogError, match=r"certificate of its server cannot be checked.*--raw-dir"):
        fetched(Script(CONTENT), tmp_path)


@pytest.mark.parametrize("step", ["hang", "stall", 503, 429, 500])
def test_slow_and_busy_servers_are_asked_again(tmp_path, step):
    script = Script(CONTENT, [step, step, "good"])
    assert fetched(script, tmp_path).read_bytes() == CONTENT
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("step", "words"), [("hang", "did not answer in time"), (503, r"busy or broken \(HTTP 503\)"), ("cut", "was cut")]
)
def test_attempts_are_bounded_and_the_part_is_kept(tmp_path, step, words):
    script = Script(CONTENT, [step])
    with pytest.raises(LogError, match=rf"http://.*{words}.*gave up after 3 attempts.*go on from"):
        fetched(script, tmp_path)
    assert len(script.asked) == 3
    assert (tmp_path / "file.bin.part").exists() == (step == "cut")


def test_attempts_that_bring_much_do_not_count(tmp_path):
    script = Script(CONTENT, ["cut"] * 6 + ["good"])
    path = fetched(script, tmp_path, patience=replace(QUICK, attempts=2, worth=1000))
    assert path.read_bytes() == CONTENT
    assert len(script.asked) == 7


@pytest.mark.parametrize(
    ("status", "words"), [(404, "does not have it"), (403, "refuses"), (401, "login"), (400, "not give")]
)
def test_a_refusal_is_told_at_once(tmp_path, status, words):
    script = Script(CONTENT, [status])
    with pytest.raises(LogError, match=rf"http://.*{words}.*HTTP {status}.*--raw-dir"):
        fetched(script, tmp_path)
    assert len(script.asked) == 1
    assert leftovers(tmp_path) == []


def test_a_web_page_instead_of_the_file_is_refused(tmp_path):
    with pytest.raises(LogError, match=r"web page instead of file\.bin"):
        fetched(Script(CONTENT, ["html"]), tmp_path, checksum=None)
    assert leftovers(tmp_path) == []


def test_no_server_at_all(tmp_path):
    with serving(Script(CONTENT)) as url:
        pass
    with pytest.raises(LogError, match="gave up after 3 attempts"):
        download(RawFile(url, "file.bin", MD5), tmp_path, silent, QUICK)


def test_a_wrong_checksum_tells_both_and_leaves_no_file(tmp_path):
    found = hashlib.md5(b"other").hexdigest()
    with pytest.raises(
        LogError, match=rf"not the file that was expected: expected {MD5} but got {found}\. It was removed"
    ):
        fetched(Script(b"other"), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_damaged_file_is_fetched_anew(tmp_path):
    fetched(Script(CONTENT), tmp_path)
    (tmp_path / "file.bin").write_bytes(b"damaged")
    assert fetched(Script(CONTENT), tmp_path).read_bytes() == CONTENT


def test_without_a_published_checksum_the_first_download_counts(tmp_path):
    fetched(Script(CONTENT), tmp_path, checksum=None)
    entry = json.loads((tmp_path / CHECKSUMS).read_text())["file.bin"]
    assert entry["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert entry["size"] == len(CONTENT)
    (tmp_path / "file.bin").write_bytes(b"damaged")
    with pytest.raises(LogError, match=r"expected sha256:.* but got .*delete its entry in .*checksums\.json"):
        fetched(Script(b"another"), tmp_path, checksum=None)
    assert fetched(Script(CONTENT), tmp_path, checksum=None).read_bytes() == CONTENT


def test_what_apache_calls_an_encoding_is_kept_packed(tmp_path):
    packed = gzip.compress(CONTENT)
    path = fetched(Script(packed, encoding="x-gzip"), tmp_path, checksum=None)
    assert path.read_bytes() == packed


def test_a_lack_of_space_is_told_before(tmp_path, monkeypatch):
    usage = module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(LogError, match=r"file\.bin needs 0\.00 GiB more in"):
        fetched(Script(CONTENT), tmp_path)


def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module._Downloader, "_copy", full)
    with pytest.raises(LogError, match=r"cannot write to .*the disk is full"):
        fetched(Script(CONTENT), tmp_path)


def test_two_processes_do_not_write_one_file(tmp_path):
    with locked(tmp_path, LogError), pytest.raises(LogError, match=f"is in use by process {os.getpid()} on "):
        fetched(Script(CONTENT), tmp_path)
    assert fetched(Script(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_killed_process_is_gone_on_with(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from recsim_envs.worlds.sources.download import download\n"
        "from recsim_envs.worlds.sources.source import RawFile, silent\n"
        "download(RawFile(sys.argv[1], 'file.bin', sys.argv[2]), Path(sys.argv[3]), silent)\n"
    )
    script = Script(CONTENT * 20, ["stall", "good"])
    checksum = f"md5:{hashlib.md5(script.content).hexdigest()}"
    part = tmp_path / "file.bin.part"
    with serving(script) as url:
        process = subprocess.Popen([sys.executable, "-c", code, url, checksum, str(tmp_path)])
        try:
            wait_until(lambda: part.exists() and part.stat().st_size >= 1 << 20, 30)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        had = part.stat().st_size
        path = download(RawFile(url, "file.bin", checksum), tmp_path, silent, QUICK)
    assert path.read_bytes() == script.content
    assert script.asked[1]["Range"] == f"bytes={had}-"


def test_check_sum(tmp_path):
    (tmp_path / "f").write_bytes(CONTENT)
    check_sum(tmp_path / "f", MD5)
    with pytest.raises(LogError, match=r"f is damaged or another file: md5 is .*, expected 123"):
        check_sum(tmp_path / "f", "md5:123")
