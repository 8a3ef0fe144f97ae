"""The workflow files: what may run when strangers open a pull request, and with which rights."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
CHECK = FOLDER / "only_a_submission.py"
RECORD = "leaderboard/submissions"


def read(path: Path) -> dict:
    """A workflow; YAML 1.1 reads the key `on` as true."""
    found = yaml.safe_load(path.read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_four_are_there():
    names = [f.stem for f in FILES]
    assert names == ["ci", "publish-site", "reproduce", "verify-submission"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_rights_are_the_least(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    allowed = {"pages": "write", "id-token": "write"} if path.stem == "publish-site" else {}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions", {}) == (allowed if name == "deploy" else {})
        assert job["timeout-minutes"] <= 360
    assert "pull_request_target" not in workflow["on"]
    assert "workflow_run" not in workflow["on"]
    assert "secrets" not in path.read_text("utf-8").replace("no secret", "")
    for step in steps(workflow):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_nothing_that_strangers_write_is_put_into_a_shell(path):
    for step in steps(read(path)):
        assert "${{" not in step.get("run", ""), "give it to the step by env"
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), "GitHub's own, by major version"


def test_who_may_start_what():
    on = {path.stem: read(path)["on"] for path in FILES}
    assert set(on["verify-submission"]) == {"pull_request"}
    assert on["verify-submission"]["pull_request"]["paths"] == ["leaderboard/submissions/**"]
    assert set(on["ci"]) == {"push", "pull_request"}
    assert set(on["publish-site"]) == {"push", "workflow_dispatch"}
    assert set(on["reproduce"]) == {"workflow_dispatch"}


def test_a_pull_request_is_verified_by_the_code_of_its_base():
    """Its own files lie in `proposed`, and nothing there is installed or run."""
    first, second, *rest = steps(read(FOLDER / "verify-submission.yml"))
    assert first["with"]["ref"] == "${{ github.base_ref }}"
    assert "path" not in first["with"]
    assert second["with"]["path"] == "proposed"
    commands = "\n".join(step.get("run", "") for step in rest)
    for line in commands.splitlines():
        if "proposed" in line:
            assert re.match(r"git -C proposed diff |xargs -0 -I\{\} \.venv/bin/longrec verify --strict ", line)


def test_code_of_strangers_fills_no_cache():
    for step in steps(read(FOLDER / "reproduce.yml")):
        assert "cache" not in step.get("uses", "") + "".join(step.get("with", {}))


@pytest.fixture(scope="module")
def changed_folder():
    spec = importlib.util.spec_from_file_location("only_a_submission", CHECK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.changed_folder


@pytest.fixture
def repository(tmp_path):
    """A checkout with a base branch and a function that tells what git says of a change."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        command = ["git", *identity, "-C", str(tmp_path), *arguments]
        return subprocess.run(
            command, capture_output=True, check=True, encoding="utf-8", errors="surrogateescape"
        ).stdout

    git("init", "-q", "-b", "main")
    old = tmp_path / "leaderboard/submissions/greedy/old-1"
    old.mkdir(parents=True)
    (old / "submission.json").write_text("{}")
    (tmp_path / "code.py").write_text("")
    git("add", ".")
    git("commit", "-qm", "base")

    def diff() -> str:
        git("add", "-A", ".")
        git("commit", "-qm", "change")
        return git("diff", "--raw", "-z", "--no-renames", "HEAD~1...HEAD")

    return tmp_path, diff


def new(root: Path, folder: str = "mine/v1", names=("submission.json", "traces.parquet")) -> Path:
    path = root / "leaderboard/submissions" / folder
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text("x")
    return path


def test_one_new_submission_passes(repository, changed_folder):
    root, diff = repository
    new(root)
    assert changed_folder(diff()) == "leaderboard/submissions/mine/v1"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda root: (root / "code.py").write_text("import os"), "'code.py' is no file of a submission"),
        (
            lambda root: (root / ".github").mkdir() or (root / ".github/x.yml").write_text(""),
            "is no file of a submission",
        ),
        (lambda root: new(root, "mine/v2"), "2 submissions are added"),
        (lambda root: new(root, "mine/v1/deep"), "is no file of a submission"),
        (lambda root: new(root, "..x/v1"), "is no file of a submission"),
        (lambda root: new(root, "a b/v1"), "is no file of a submission"),
        (lambda root: new(root, "$(id)/v1"), "is no file of a submission"),
        (lambda root: new(root, "m/v", ("setup.py",)), "is no file of a submission"),
        (lambda root: new(root, "m/v", ("a\nb",)), "is no file of a submission"),
        (
            lambda root: (root / "leaderboard/submissions/mine/v1/curve.json").symlink_to("/etc/passwd"),
            "has mode 120000",
        ),
        (lambda root: (root / "leaderboard/submissions/mine/v1/submission.json").chmod(0o755), "has mode 100755"),
        (lambda root: (root / "leaderboard/submissions/greedy/old-1/submission.json").unlink(), "is of record"),
        (
            lambda root: (root / "leaderboard/submissions/greedy/old-1/submission.json").write_text("{1}"),
            "'leaderboard/submissions/greedy/old-1/submission.json' is of record, and stays as it is",
        ),
    ],
)
def test_anything_else_does_not(repository, changed_folder, change, text):
    root, diff = repository
    new(root)
    change(root)
    with pytest.raises(ValueError, match=re.escape(text)):
        changed_folder(diff())


def test_nothing_and_a_removal(repository, changed_folder):
    root, diff = repository
    with pytest.raises(ValueError, match="nothing is changed"):
        changed_folder("")
    (root / "leaderboard/submissions/greedy/old-1/submission.json").unlink()
    with pytest.raises(ValueError, match="is of record, and stays as it is"):
        changed_folder(diff())
