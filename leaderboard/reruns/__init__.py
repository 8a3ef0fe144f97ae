"""Attested re-runs, JSON files beside this module: outside of submission folders, so that none can award itself one."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leaderboard import provenance
from leaderboard.files import read_model, write_json
from leaderboard.schema import Badge, Rerun, Reruns, Submission, json_hash

if TYPE_CHECKING:
    from leaderboard.reproduce import Reproduction

FOLDER: Final = Path(__file__).parent


def badge_of(submission: Submission, folder: Path | None = None) -> Badge:
    """The badge of a submission that was replayed."""
    return "re-run" if reruns_of(submission, folder) else "replayed"


def reruns_of(submission: Submission, folder: Path | None = None) -> tuple[Rerun, ...]:
    """The attested re-runs of a submission, oldest first. Raises `SubmissionError` for a file that is damaged."""
    claims = claims_hash(submission)
    return tuple(rerun for rerun in _known(submission, folder) if rerun.claims_sha256 == claims)


def claims_hash(submission: Submission) -> str:
    """A hash of what a re-run confirms: which agent, on which suite, with which training, chose these actions."""
    s, agent = submission, submission.agent
    return json_hash(
        {
            "agent": [agent.name, agent.entry_point, agent.source_sha256, agent.parameters],
            "kind": [agent.privileged, agent.trains, agent.learns_from_log],
            "suite": s.suite_hash,
            "traces": s.traces_sha256,
            "spent": [[cell.spent.episodes, cell.spent.steps] for cell in s.cells],
            "learned": s.learned and s.learned.sha256,
            "logs": [log.sha256 for log in s.logs],
        }
    )


def attest(reproduction: Reproduction, by: str, folder: Path | None = None) -> Path:
    """Write down that somebody ran a submission's agent again; returns the file. `by` is a name."""
    submission, (commit, dirty) = reproduction.submission, provenance.commit()
    rerun = Rerun(
        claims_sha256=claims_hash(submission),
        by=by,
        at=datetime.now(timezone.utc).replace(microsecond=0),
        how=reproduction.how,
        source_sha256=reproduction.source_sha256,
        same_source=reproduction.same_source,
        machine=provenance.machine(),
        packages=provenance.packages(),
        commit=commit,
        dirty=dirty,
    )
    file = _file(submission, folder)
    reruns = Reruns(traces_sha256=submission.traces_sha256, reruns=(*_known(submission, folder), rerun))
    write_json(file, reruns)
    return file


def _known(submission: Submission, folder: Path | None) -> tuple[Rerun, ...]:
    file = _file(submission, folder)
    return read_model(file, Reruns).reruns if file.exists() else ()


def _file(submission: Submission, folder: Path | None) -> Path:
    return (folder or FOLDER) / f"{submission.traces_sha256}.json"
