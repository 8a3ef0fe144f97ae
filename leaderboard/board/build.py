"""From submission folders to the folder of a board: replay what is new, compare, draw, replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from leaderboard.board.arrange import arrange
from leaderboard.board.cached import Watch, summaries
from leaderboard.board.data import csv_text, json_text, parquet_bytes, records
from leaderboard.board.garbage import uncollected
from leaderboard.board.groups import groups
from leaderboard.board.hashes import Hashes
from leaderboard.board.judge import table
from leaderboard.board.model import Board, Reported
from leaderboard.board.overall import overall
from leaderboard.board.publish import publish
from leaderboard.board.store import Store, default_folder
from leaderboard.board.summary import Summary, without_twins
from leaderboard.bounded import Limits
from leaderboard.cores import usable_cores
from leaderboard.files import read_model
from leaderboard.schema import Submission
from leaderboard.site.page import Page
from leaderboard.site.pages import pages
from leaderboard.site.readme import markdown, picture
from leaderboard.verification import printable
from recsim_envs.errors import LongrecError, PlatformError, UnreplayableError

_QUIET: Final[Watch] = lambda done, total: None  # noqa: E731


@dataclass(frozen=True, eq=False)
class Built:
    """What a build came to. `failed` are not what they claim, and not on the board; `rendered` counts new files."""

    board: Board
    failed: Mapping[Path, LongrecError]
    rendered: int


def build(
    submissions: Sequence[Path],
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 0,
    strict: bool = False,
    reread: bool = False,
    limits: Limits | None = None,
    watch: Watch = _QUIET,
) -> Built:
    """Replay submission folders and make `out` the folder of their board.

    What the cache holds is not replayed again, and files that stay the same are not drawn again: the board is the same
    with and without. Files of submissions that were read before are read again where their status changed, or all with
    `reread`, see `leaderboard.board.hashes`. With `strict`, a submission that does not replay stops the build, which
    then writes nothing and raises what `leaderboard.replay.verify` raises for it. Raises `ConfigurationError` where
    `out` cannot be written.
    """
    board, failed = make(
        submissions, cache=cache, workers=workers, strict=strict, reread=reread, limits=limits, watch=watch
    )
    with uncollected():
        return Built(board, failed, publish(files(board), out))


def make(
    submissions: Sequence[Path],
    *,
    cache: Path | None = None,
    workers: int = 0,
    strict: bool = False,
    reread: bool = False,
    limits: Limits | None = None,
    watch: Watch = _QUIET,
) -> tuple[Board, dict[Path, LongrecError]]:
    """The board of submission folders, and those that failed; nothing is written but the cache."""
    root = cache or default_folder()
    replays, comparisons = Store(root / "replays"), Store(root / "comparisons")
    hashes = Hashes(root / "hashes.json", forget=reread)
    found = summaries(submissions, replays, workers=workers, limits=limits, watch=watch, hashes=hashes)
    hashes.save()
    errors = {path: result for path, result in found.items() if isinstance(result, LongrecError)}
    if strict and errors:
        raise next(iter(errors.values()))
    unable = {path: e for path, e in errors.items() if isinstance(e, UnreplayableError | PlatformError)}
    failed = {path: e for path, e in errors.items() if path not in unable}
    with uncollected():
        kept, twins = without_twins([s for s in found.values() if isinstance(s, Summary)])
        if strict and twins:
            raise next(iter(twins.values()))
        grouped = groups(kept, comparisons)
        reported = [_reported(path, error) for path, error in unable.items()]
        with ThreadPoolExecutor(workers or usable_cores()) as threads:  # products of matrices let other threads run
            suites = threads.submit(overall, grouped, comparisons)
            tables = list(threads.map(partial(table, store=comparisons), grouped))
        board = arrange(tables, reported, suites.result())
    replays.prune()
    comparisons.prune()
    return board, failed | twins


def files(board: Board) -> Iterator[Page]:
    """Every file of a board: the site, and the data for programs, spreadsheets, data frames and GitHub."""
    yield from pages(board)
    rows = board.rows
    yield Page("LEADERBOARD.md", board.key, lambda: markdown(board))
    yield Page("leaderboard.svg", board.key, lambda: picture(board))
    yield Page("leaderboard.json", board.key, lambda: json_text(board))
    flat = cache(lambda: records(rows))
    yield Page("leaderboard.csv", board.key, lambda: csv_text(flat()))
    yield Page("leaderboard.parquet", board.key, lambda: parquet_bytes(flat()))


def _reported(path: Path, error: LongrecError) -> Reported:
    """What is told of a submission that cannot be replayed here; its record was read, or there is no such error."""
    submission = read_model(path / "submission.json", Submission)
    return Reported(
        path=path.name,
        agent=submission.agent.name,
        suite=submission.suite.name,
        reason=printable(str(error))[:4_000],
    )
