"""What a season's keeper does: commit to a salt, re-run the agents after the close, reveal; and what anyone checks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pydantic import ValidationError

from leaderboard import seasons
from leaderboard.evaluate.batch import Watch, run_path
from leaderboard.files import first_fault, read_model, write_json
from leaderboard.replay import verify
from leaderboard.reproduce import run_again
from leaderboard.schema import Season, Secret, Submission, Suite, canonical_json
from leaderboard.seasons import check_season, read_season, shared_seeds
from leaderboard.submit import submit
from recsim_envs.errors import AgentError, ConfigurationError, LongrecError, SubmissionError
from recsim_envs.worlds.home import home


def secret_path(name: str) -> Path:
    """Where a season's salt is kept unless told otherwise: outside of every checkout."""
    return home() / "seasons" / f"{name}.json"


def commit(
    name: str,
    suite: Suite,
    closes: datetime,
    *,
    opens: datetime | None = None,
    secret: Path,
    folder: Path | None = None,
) -> Season:
    """Draw a salt, keep it in the new file `secret` (mode 0600), and publish its hash in `folder`.

    Raises `ConfigurationError` for a season or a secret that is there already, or a close that is not in the future.
    """
    opens = opens or datetime.now(timezone.utc).replace(microsecond=0)
    target = (folder or seasons.FOLDER) / f"{name}.json"
    if target.exists():
        raise ConfigurationError(f"season {name!r} is published already, in {target}; choose another name")
    salt = secrets.token_hex(32)
    try:
        season = Season.committed(name, suite, opens, closes.astimezone(timezone.utc), salt)
    except ValidationError as fault:
        raise ConfigurationError(f"cannot open season {name!r}: {first_fault(fault)}") from None
    if shared := shared_seeds(suite, season.bound_suite(salt)):  # once in 10 billion times for suites of ours
        raise ConfigurationError(f"{shared} seeds of the season are those of its suite; give the command again")
    _keep(secret, Secret(season=name, salt=salt))  # first: a published season whose salt is lost is of no use
    try:
        write_json(target, season.model_dump(mode="json"))
    except ConfigurationError:
        secret.unlink()  # of no season, so that the command can be given again
        raise
    return season


def _keep(path: Path, secret: Secret) -> None:
    """Write a file that nobody else may read, and that is none's already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} exists, and may hold the salt of a season; choose another --secret") from None
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}; choose another --secret") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret.model_dump_json() + "\n")


def salt_of(season: Season, secret: Path, now: datetime | None = None) -> str:
    """The salt of a season that has closed. Raises `ConfigurationError` where it is not to be told."""
    if season.salt is not None:
        return season.salt
    if (now or datetime.now(timezone.utc)) < season.closes:
        raise ConfigurationError(
            f"season {season.name!r} is open until {season.closes}; nobody knows its seeds till then"
        )
    kept = read_model(secret, Secret, ConfigurationError)
    if kept.season != season.name or season.commitment_to(kept.salt) != season.commitment:
        raise ConfigurationError(
            f"{secret} does not hold the salt that season {season.name!r} committed to, or a field of the season was "
            "changed since; restore both files"
        )
    return kept.salt


def reveal(name: str, *, secret: Path, folder: Path | None = None, now: datetime | None = None) -> Season:
    """Publish the salt of a season that has closed. Raises `ConfigurationError` where it may not or cannot be told."""
    season = read_season(name, folder)
    season = season.revealed(salt_of(season, secret, now))
    write_json((folder or seasons.FOLDER) / f"{name}.json", season.model_dump(mode="json"))
    return season


@dataclass(frozen=True)
class Entry:
    """What came of one agent in a season: its new submission, or why there is none, and what is worth telling."""

    submission: Path
    made: Path | None = None
    error: str = ""
    note: str = ""


def entries(season: Season, submissions: Sequence[Path]) -> list[tuple[Path, Submission]]:
    """The agents submitted on the season's suite until its close: of each agent with its parameters the last one.

    Its name is part of what an agent is: else whoever submits somebody's class under another name, say with a time
    limit that nobody can meet, would take its place.
    """
    found: dict[str, tuple[Path, Submission]] = {}
    read = [(path, read_model(path / "submission.json", Submission)) for path in submissions]
    for path, s in sorted(read, key=lambda pair: pair[1].created):
        if s.suite_hash == season.suite.hash and s.created <= season.closes:
            found[canonical_json([s.agent.name, s.agent.entry_point, s.agent.parameters])] = path, s
    return sorted(found.values(), key=lambda pair: pair[0])


def run(
    season: Season,
    salt: str,
    submissions: Sequence[Path],
    *,
    out: Path,
    to: Path,
    run_command: bool = False,
    workers: int = 0,
    watch: Watch | None = None,
) -> Iterator[Entry]:
    """Run the season's agents again on its seeds, each from `out` to `to` as a submission; one that fails stops none.

    Given again, it goes on where it stopped. Commands that submissions name are run with `run_command` only.
    """
    suite = season.bound_suite(salt)
    for path, s in entries(season, submissions):
        try:
            if s.learned is not None:
                raise AgentError(f"{s.agent.name} had learned before, by `longrec train`; run it by hand, with --load")
            target = run_path(out / season.name, suite, s.agent.name, s.agent.parameters)
            again = run_again(s, suite, target, run_command=run_command, workers=workers, watch=watch)
            made = submit(target, to)
        except LongrecError as error:
            yield Entry(path, error=str(error))
            continue
        same = again.agent.source_sha256 == s.agent.source_sha256
        yield Entry(path, made, note="" if same else "the agent's code is not the one that was submitted")


def check(name: str, submissions: Sequence[Path], *, folder: Path | None = None) -> list[Path]:
    """What anyone can check once the salt is published; returns the season's submissions that passed.

    That the salt is the one committed to, that the season's seeds are none of its suite's, and that each of its
    submissions replays on the seeds that the salt gives. Raises `ConfigurationError` or `SubmissionError`.
    """
    season = read_season(name, folder)
    if season.salt is None:
        raise ConfigurationError(f"season {name!r} is not revealed yet; it closes at {season.closes}")
    if shared := shared_seeds(season.suite, season.bound_suite(season.salt)):
        raise SubmissionError(f"{shared} seeds of season {name!r} are those of its suite, which agents could train on")
    passed = []
    for path in submissions:
        suite = read_model(path / "submission.json", Submission).suite
        if suite.season is not None and suite.season.name == name:
            check_season(path, suite, folder)
            verify(path)
            passed.append(path)
    return passed
