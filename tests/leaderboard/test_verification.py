"""Many submissions at once: each in its bounds, each with its verdict, whatever the others are."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import time
from pathlib import Path

import pytest

from leaderboard.bounded import Limits, bounded
from leaderboard.folder import strays
from leaderboard.verification import printable, verify_all
from recsim_envs.errors import LongrecError, SubmissionError
from tests.leaderboard.edits import edit
from tests.leaderboard.test_cli import longrec  # noqa: F401  (a fixture)


@pytest.fixture
def record(finished, tmp_path) -> Path:
    """A repository's submissions: one good, one false, one of another world."""
    root = tmp_path / "leaderboard" / "submissions"
    for version in ("a-good", "b-false", "c-elsewhere"):
        folder = root / "random" / version
        folder.mkdir(parents=True)
        for name in ("submission.json", "traces.parquet"):
            shutil.copyfile(finished / name, folder / name)
    edit(root / "random" / "b-false", traces_sha256="0" * 64)
    worlds = json.loads((finished / "submission.json").read_text())["worlds"]
    edit(root / "random" / "c-elsewhere", worlds=[worlds[0] | {"sha256": "0" * 64}, worlds[1]])
    return root


def folders(record: Path) -> list[Path]:
    return sorted((record / "random").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_fails_stops_no_other(record, workers):
    verdicts = {v.path.name: v for v in verify_all(folders(record), strict=True, workers=workers)}
    assert {name: v.status for name, v in verdicts.items()} == {
        "a-good": "replayed",
        "b-false": "failed",
        "c-elsewhere": "reported",
    }
    good = verdicts["a-good"]
    assert (good.agent, good.suite, good.episodes) == ("random", "tiny-suite", 70)
    assert good.steps > 70
    assert good.error == ""
    assert "traces_sha256 differs" in verdicts["b-false"].error
    assert "was run on world" in verdicts["c-elsewhere"].error


def test_the_command_tells_and_ends_with_one(longrec, record):  # noqa: F811
    done = longrec("verify", "--all", "--workers", 1)
    assert done.returncode == 1
    assert "a-good" in done.stdout
    assert "b-false" not in done.stdout
    told = done.stderr.splitlines()
    assert told[0].startswith("failed: leaderboard/submissions/random/b-false: ")
    assert told[1].startswith("reported: leaderboard/submissions/random/c-elsewhere: ")
    assert told[2] == "2 of 3 did not pass"
    shutil.rmtree(record / "random" / "b-false")
    assert longrec("verify", "--all", "--workers", 1).returncode == 1
    done = longrec("verify", "--all", "--workers", 1, "--allow-reported", "--json")
    assert done.returncode == 0
    assert [v["status"] for v in json.loads(done.stdout)] == ["replayed", "reported"]


def test_nothing_else_may_lie_among_the_submissions(longrec, record):  # noqa: F811
    shutil.rmtree(record / "random" / "b-false")
    shutil.rmtree(record / "random" / "c-elsewhere")
    assert longrec("verify", "--all", "--workers", 1).returncode == 0
    assert strays(record) == []
    (record / "README.md").write_text("hello")
    (record / "random" / ".hidden").mkdir()
    (record / "random" / "empty").mkdir()
    (record / "linked").symlink_to(record / "random")
    assert [p.name for p in strays(record)] == ["README.md", "linked", ".hidden", "empty"]
    done = longrec("verify", "--all", "--workers", 1)
    assert done.returncode == 1
    assert done.stderr.count("it is no submission, and may not lie here") == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("A-Good", "are one folder where systems"),
        ("NUL.txt", "Windows has no folder"),
        ("end.", "Windows has no folder"),
    ],
)
def test_a_folder_that_not_every_system_can_hold(record, name, text):
    """On some a new submission would fall upon one of record, and on others nobody could check the record out."""
    (record / "random" / "b-false").rename(record / "random" / name)
    (verdict,) = verify_all([record / "random" / name], strict=True, workers=1)
    assert verdict.status == "failed"
    shutil.copyfile(record / "random/a-good/submission.json", record / "random" / name / "submission.json")
    (verdict,) = verify_all([record / "random" / name], strict=True, workers=1)
    assert text in verdict.error


def test_a_name_that_steers_terminals_is_written_out(longrec, record):  # noqa: F811
    folder = Path(os.fsdecode(bytes(record / "random") + b"/\x1b[2J\xff"))
    (record / "random" / "b-false").rename(folder)
    for options in ((), ("--json",)):
        done = longrec("verify", "leaderboard/submissions/random", "--workers", 1, *options)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout + done.stderr
        assert r"x1b[2J" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [(), ("leaderboard/submissions", "--all")])
def test_either_folders_or_all(longrec, record, arguments):  # noqa: F811
    done = longrec("verify", *arguments)
    assert done.returncode == 1
    assert "name the folders to verify, or give --all" in done.stderr


def greedy_of_time(path: Path) -> int:
    while path.name == "bad":
        pass
    return 1


def greedy_of_memory(path: Path) -> int:
    return len(bytearray(8 * 2**30)) if path.name == "bad" else 1


def dies(path: Path) -> int:
    if path.name == "bad":
        os._exit(7)
    return 1


def stumbles(path: Path) -> int:
    if path.name == "bad":
        raise RecursionError("too deep")
    return 1


@pytest.mark.parametrize(
    ("function", "workers"), [(greedy_of_time, 1), (greedy_of_memory, 1), (stumbles, 1), (greedy_of_time, 2)]
)
def test_what_takes_too_much_is_stopped_and_the_rest_goes_on(function, workers):
    start = time.monotonic()
    paths = [Path("bad"), Path("good"), Path("fine")]
    found = dict(bounded(function, paths, workers=workers, limits=Limits(seconds=1, memory=3 * 2**30)))
    assert isinstance(found[Path("bad")], SubmissionError)
    assert [found[p] for p in paths[1:]] == [1, 1]
    assert time.monotonic() - start < 120


def test_a_process_that_dies_takes_its_own_folder_with_it():
    found = dict(bounded(dies, [Path("bad"), Path("good")], workers=2))
    assert isinstance(found[Path("bad")], LongrecError)
    assert "its process died" in str(found[Path("bad")])
    assert found[Path("good")] == 1


def sleeps_in_one_instruction(path: Path) -> int:
    """Takes its time where no signal handler of Python is heard."""
    return len(str(7 ** (2 * 10**7) % 10 ** (10**7)))


def test_one_folder_alone_is_stopped_between_no_two_instructions():
    start = time.monotonic()
    found = dict(bounded(sleeps_in_one_instruction, [Path("bad")], limits=Limits(seconds=1), apart=True))
    assert "its process died, perhaps beyond 1 s" in str(found[Path("bad")])
    assert time.monotonic() - start < 60


def takes_a_little(path: Path) -> int:
    return len(bytearray(2**28)) >> 28


def test_what_a_process_held_before_is_no_part_of_what_a_folder_takes():
    """Libraries of a long-lived process map gigabytes; counted, they are charged to whoever comes next, or end it."""
    with mmap.mmap(-1, 2**31, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        limits = Limits(memory=2**30)
        assert dict(bounded(takes_a_little, [Path("good")], workers=1, limits=limits)) == {Path("good"): 1}
        found = dict(bounded(greedy_of_memory, [Path("bad")], workers=1, limits=limits))
    assert "takes more memory than" in str(found[Path("bad")])


def test_limits_end_with_the_work():
    import resource
    import signal

    before = [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_DATA)]
    handler = signal.getsignal(signal.SIGXCPU)
    assert dict(bounded(stumbles, [Path("good")], workers=1)) == {Path("good"): 1}
    assert [resource.getrlimit(kind) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_DATA)] == before
    assert signal.getsignal(signal.SIGXCPU) == handler


def test_words_of_strangers_do_not_steer_a_terminal():
    assert printable("a\x1b[2Jb\r\n\u202e é") == "a\\x1b[2Jb\\r\\n\\u202e é"
