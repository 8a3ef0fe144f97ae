"""What goes with a finished run beside its trace: transcript, curves, and what language models answered."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from leaderboard.attached import foreign
from leaderboard.evaluate.cell import Answers, CellSpec
from leaderboard.evaluate.curve.compare import read_curves
from leaderboard.evaluate.curve.kept import CurveFile
from leaderboard.files import atomic_path, file_sha256, read_model, write_json
from leaderboard.schema import OPTIONAL_FILES, FileName, FileRecord, Submission, TrainingCurve
from leaderboard.traces import read_footer
from recsim_envs.errors import ConfigurationError

_ROOM: Final = 3 * OPTIONAL_FILES["curve.json"] // 4  # for training; the rest is for what is tested


def attach(folder: Path, specs: Sequence[CellSpec], answers: Answers | None) -> dict[FileName, FileRecord]:
    """Write the files beside the trace of a finished run, from what its cells kept; their records.

    Raises `ConfigurationError` for a cassette that is larger than a submission may hold.
    """
    footers = [read_footer(spec.path) for spec in specs]
    told = "".join(footer.get("transcript", "") for footer in footers)
    if told:
        with atomic_path(folder / "transcript.jsonl") as scratch:
            scratch.write_text(told, "utf-8", newline="\n")
    curves = [TrainingCurve.model_validate_json(footer["curve"]) for footer in footers if "curve" in footer]
    if curves:
        write_json(folder / "curve.json", _fitting(curves))
    if answers is not None and not answers.replay and answers.path.exists():
        _pack(answers.path, folder / "cassette.jsonl.gz")
    return _records(folder)


def add_curves(folder: Path, submission: Submission, results: Sequence[Path]) -> Submission:
    """Put learning curves, as `longrec train --curve` makes them, into a submission's folder; its new record.

    Raises `ConfigurationError` for curves of another agent or of no task of its suite, or too much of them.
    """
    path, curves = folder / "curve.json", read_curves(results)
    for curve, result in zip(curves, results, strict=True):
        if (fault := foreign(curve, submission)) is not None:
            raise ConfigurationError(f"{result} holds {fault}")
    known = read_model(path, CurveFile) if path.exists() else CurveFile()
    write_json(path, known.model_copy(update={"tested": tuple(curves)}))
    return submission.model_copy(update={"files": _records(folder)})


def _fitting(curves: Sequence[TrainingCurve]) -> CurveFile:
    """The first curves that there is room for."""
    kept, size = list[TrainingCurve](), 0
    for curve in curves:
        size += len(curve.model_dump_json(indent=1)) * 2  # a file is indented deeper
        if size > _ROOM:
            break
        kept.append(curve)
    return CurveFile(training=tuple(kept), left_out=len(curves) - len(kept))


def _pack(path: Path, to: Path) -> None:
    """Pack a cassette; the same answers give the same bytes. Lines are sorted: workers record in any order."""
    head, *lines = path.read_bytes().splitlines(keepends=True)
    with atomic_path(to) as scratch:
        scratch.write_bytes(gzip.compress(head + b"".join(sorted(lines)), 9, mtime=0))


def _records(folder: Path) -> dict[FileName, FileRecord]:
    records: dict[FileName, FileRecord] = {}
    bounds: Mapping[FileName, int] = OPTIONAL_FILES
    for name, most in bounds.items():
        file = folder / name
        if file.exists():
            size = file.stat().st_size
            if size > most:
                raise ConfigurationError(
                    f"{file} has {size} bytes, and a submission may hold {most}: ask for fewer episodes, or do without"
                )
            records[name] = FileRecord(sha256=file_sha256(file), bytes=size)
    return records
