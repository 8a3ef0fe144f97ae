"""`fetch` brings the files of a data set to this machine; `read_source` makes a `Log` of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from recsim_envs.errors import LogError
from recsim_envs.worlds.home import home
from recsim_envs.worlds.logs.log import Log
from recsim_envs.worlds.sources.archives import lying_unpacked
from recsim_envs.worlds.sources.download import check_sum, download
from recsim_envs.worlds.sources.licences import accept_licence
from recsim_envs.worlds.sources.registry import find_source
from recsim_envs.worlds.sources.source import Progress, RawFile, Source, silent


def fetch(
    name: str,
    *,
    raw_dir: str | Path | None = None,
    accept: Callable[[Source], bool],
    progress: Progress | None = None,
) -> Path:
    """Have the raw files of a data set on this machine, checked, and return their folder.

    They are downloaded to `raw/<name>` in the home folder unless they are there already. `raw_dir`: the folder where
    you have them; then nothing is downloaded or written, and an archive may also lie there unpacked. `accept` is asked
    once whether the licence is accepted. Raises `LogError` where files are missing, cannot be downloaded or differ
    from their checksum, and `ConfigurationError` for an unknown name and a licence that is not accepted.
    """
    source = find_source(name)
    accept_licence(source, accept)
    folder = home() / "raw" / source.name if raw_dir is None else Path(raw_dir)
    if raw_dir is not None or source.manual:
        _check_folder(source, folder)
    else:
        for file in source.files:
            download(file, folder, progress or silent)
    return folder


def read_source(name: str, folder: str | Path, progress: Progress | None = None) -> Log:
    """The log of a data set whose raw files are in `folder`. Raises `LogError` where they are missing or unreadable."""
    source = find_source(name)
    _demand_files(source, Path(folder))
    log = source.reader()(Path(folder), progress or silent)
    # Where the files lay, or were unpacked to, is nothing about the data, and would be another each time.
    return replace(log, problems=tuple(replace(found, file=Path(found.file).name) for found in log.problems))


def _check_folder(source: Source, folder: Path) -> None:
    _demand_files(source, folder)
    for file in source.files:
        if file.checksum and (folder / file.name).is_file():
            check_sum(folder / file.name, file.checksum)


def _demand_files(source: Source, folder: Path) -> None:
    missing = [file for file in source.files if not _is_there(file, folder)]
    if not missing:
        return
    lines = "".join(f"\n  {file.name}  {_unpacked_names(file)}from {file.url}" for file in missing)
    ask = ""
    if source.manual:
        ask = f"\nThese files are sent on request only: ask on {source.homepage}, and pass their folder with --raw-dir"
    raise LogError(f"{source.name}: not in {folder}:{lines}{ask}")


def _is_there(file: RawFile, folder: Path) -> bool:
    return (folder / file.name).is_file() or bool(
        file.members and len(lying_unpacked(file, folder)) == len(file.members)
    )


def _unpacked_names(file: RawFile) -> str:
    return f"(or, unpacked, {', '.join(file.members)})  " if file.members else ""
