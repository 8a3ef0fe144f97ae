"""Where a run came from: commit, packages, machine, resolved parameters, and what its randomness follows from."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import Any, Final

from leaderboard.agents import build_agent, kind_of, resolved
from leaderboard.cores import usable_cores
from leaderboard.hosting.remote import RemoteAgent
from leaderboard.hosting.start import started
from leaderboard.schema import AgentRecord, Cell, Isolation, Learned, Machine, SeedRecord, as_line
from leaderboard.usage import as_mapping
from recsim_envs.errors import AgentError

_OURS: Final = "longrec"
_TOOLS: Final = frozenset({"test", "docs", "all"})  # extras that no result can depend on, or that are others together
_GPUS: Final = Path("/proc/driver/nvidia/gpus")


def packages(entry_point: str = "") -> dict[str, str]:
    """Versions of the installed packages that can change a result: all that this one and the agent's build upon."""
    return dict(_packages(entry_point))


@cache  # reading what is installed takes long, and does not change
def _packages(entry_point: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    waiting = [_OURS, *_distributions_of(entry_point)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
        waiting += [_normalised(needed) for needed in requires(name) or () if _counts(name, needed)]
    return dict(sorted(found.items()))


def _counts(name: str, needed: str) -> bool:
    """Whether a requirement belongs to what runs: extras of ours do, where they are installed; of others no extras."""
    extras = re.findall(r"""extra\s*==\s*["']([^"']+)["']""", needed)
    return not extras or (name == _OURS and _TOOLS.isdisjoint(extras))


def _normalised(requirement: str) -> str:
    """The name in a requirement, in the one spelling that package indexes know (PEP 503)."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def _distributions_of(entry_point: str) -> Sequence[str]:
    """The distributions that the module of an agent's class comes from; none for one that is not installed."""
    if not entry_point or kind_of(entry_point) != "class":
        return ()
    top = entry_point.partition(":")[0].partition(".")[0]
    return [_normalised(name) for name in packages_distributions().get(top, ())]


def configuration(agent: AgentRecord, isolation: Isolation | None) -> dict[str, Any]:
    """Every parameter of an agent, defaults too; of one elsewhere that does not tell, those that it was given.

    What ran in a process of its own is asked there: its code has no business here.
    """
    if kind_of(agent.entry_point) == "trace":
        return agent.parameters
    try:
        if isolation is None and kind_of(agent.entry_point) == "class":
            return resolved(build_agent(agent.entry_point, agent.parameters), agent.parameters)
        with started(agent.entry_point, agent.parameters, isolation) as running:
            return running.hello.configuration or agent.parameters if isinstance(running, RemoteAgent) else {}
    except AgentError:
        return agent.parameters


def seeds(agent: AgentRecord, learned: Learned | None, cells: Sequence[Cell]) -> tuple[SeedRecord, ...]:
    """The kinds of randomness of a run, see `leaderboard.seeds`."""
    records = [_seed("environment", "a hash of suite, environment and episode")]
    if learned is not None:
        records.append(_seed("training", "the training seed of what was loaded"))
    elif agent.trains and any(cell.spent.steps for cell in cells):
        records.append(_seed("training", "the training seed, for the agent and its users"))
    elif agent.learns_from_log:
        records.append(_seed("training", "the training seed; the log has its own"))
    here = kind_of(agent.entry_point) == "class"
    told = "a key for each session" + ("" if here else "; nobody knows what else an agent elsewhere draws from")
    records.append(_seed("acting", told, controlled=here))
    sampling = [as_mapping(cell.facts.get("sampling")) for cell in cells if "language_model" in cell.facts]
    if sampling:
        known = {str(one.get("how", "not told")) for one in sampling}
        controlled = all(one.get("controlled") is True for one in sampling)
        records.append(_seed("sampling", "; ".join(sorted(known)), controlled=controlled))
    return tuple(records)


def _seed(kind: Any, how: str, *, controlled: bool = True) -> SeedRecord:
    return SeedRecord(kind=kind, controlled=controlled, how=as_line(how))


def commit() -> tuple[str, bool]:
    """The commit of the checkout that this package runs from and whether tracked files differ; ("", False) if none."""
    here = Path(__file__).resolve()
    # A package that is installed may lie inside the checkout of something else, which does not track it.
    ours = _git(here.parent, "ls-files", "--error-unmatch", here.name) is not None
    head = _git(here.parent, "rev-parse", "HEAD") if ours else None
    if head is None or len(head) != 40:
        return "", False
    return head, bool(_git(here.parent, "status", "--porcelain", "--untracked-files=no"))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def machine() -> Machine:
    """The system, the processor, memory, the number of cores this process may use, and graphics processors."""
    return Machine(
        system=as_line(f"{platform.system()} {platform.release()}"),
        processor=as_line(_processor()),
        cores=usable_cores(),
        python=platform.python_version(),
        memory_bytes=_memory(),
        accelerator=as_line(_accelerator()),
    )


def _processor() -> str:
    return _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not told on this system
        return None


def _accelerator() -> str:
    """NVIDIA's processors as its driver lists them: no library is loaded to ask."""
    models = [_field(file, "Model") for file in sorted(_GPUS.glob("*/information"))]
    return ", ".join(model for model in models if model)


def _field(file: Path, name: str) -> str:
    """The first value of a "name : value" line; empty if there is none."""
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
