"""Agents by name, never imported here: found through the entry-point group `longrec.agents` or given as "module:Class".

Those of another language are named by the command that starts them, or by an address; see `leaderboard.hosting`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from leaderboard.files import first_fault
from leaderboard.schema import AgentRecord, Isolation, canonical_json
from leaderboard.words import suggestion
from recsim_envs.errors import AgentError, ConfigurationError
from recsim_envs.spec import Agent

GROUP = "longrec.agents"
PLAIN: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((float, int), "a number"),
    "str": ((str,), "a text, in quotation marks where it reads as JSON"),
}
_SOURCES = {".py", ".j2", ".json", ".txt", ".md"}

COMMAND: Final = "command:"
"""What the name of an agent begins with that a command starts."""
ELSEWHERE: Final = "trace:elsewhere"
"""The entry point of an agent of which only a trace is here, made elsewhere."""


@dataclass(frozen=True)
class AgentInfo:
    """What `longrec agents list` shows of an agent. `fault` says why it cannot be imported, else it is empty."""

    name: str
    entry_point: str
    summary: str = ""
    parameters: Mapping[str, Any] | None = None
    privileged: bool = False
    trains: bool = False
    learns_from_log: bool = False
    fault: str = ""


def registered_agents() -> dict[str, str]:
    """Entry points ("module:Class") of all registered agents, by name, sorted."""
    return {e.name: e.value for e in sorted(entry_points(group=GROUP), key=lambda e: e.name)}


def kind_of(name: str) -> Literal["class", "command", "server", "trace"]:
    """What an agent's name or entry point stands for: a Python class, a command, an address, a trace made elsewhere.

    >>> kind_of("greedy"), kind_of("command:node agent.js"), kind_of("http://127.0.0.1:8000")
    ('class', 'command', 'server')
    """
    if name.startswith(COMMAND):
        return "command"
    if name.startswith(("http://", "https://")):
        return "server"
    return "trace" if name == ELSEWHERE else "class"


def entry_point_of(name: str) -> str:
    """The "module:Class" behind a registered name; such a text itself is returned as it is, as are other kinds."""
    if ":" in name:
        return name
    known = registered_agents()
    if name not in known:
        raise AgentError(
            f"agent {name!r} is not registered{suggestion(name, list(known))}; your own is given as module:Class, "
            "command:... or the address of a server"
        )
    return known[name]


def load_class(name: str) -> type[Agent]:
    """Import an agent by registered name or "module:Class". Raises `AgentError` saying what is missing."""
    if kind_of(name) != "class":
        raise AgentError(f"agent {name!r} is no Python class; {_WITHOUT_CLASS[kind_of(name)]}")
    module_name, _, class_name = entry_point_of(name).partition(":")
    if ":" in name:
        _search_here()
    if module_name.partition(".")[0] in sys.stdlib_module_names:  # some of them act when they are imported
        raise AgentError(f"agent {name!r}: {module_name} is a module of Python itself, which has no agents")
    try:
        module = importlib.import_module(module_name)
        found = getattr(module, class_name, None)
    except ModuleNotFoundError as error:
        raise AgentError(f"agent {name!r} needs the module {error.name!r}{_remedy(error.name, module_name)}") from error
    except (Exception, SystemExit) as error:
        raise AgentError(f"agent {name!r}: importing {module_name} failed: {error!r}") from error
    if found is None:
        agents = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Agent)]
        tail = suggestion(class_name, agents) if agents else "; write module:Class"
        raise AgentError(f"agent {name!r}: {module_name} has no class {class_name!r}{tail}")
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise AgentError(f"agent {name!r}: {module_name}:{class_name} is no subclass of recsim_envs.Agent")
    return found


_WITHOUT_CLASS: Final[dict[str, str]] = {
    "command": "evaluate or submit it",
    "server": "evaluate or submit it",
    "trace": "only its trace was submitted, made elsewhere, so there is nothing to run",
}


def _search_here() -> None:
    """A console script does not search the working folder."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _remedy(missing: str | None, module_name: str) -> str:
    if missing in ("torch", "stable_baselines3", "transformers", "openai", "faiss", "safetensors"):
        return "; install it with: pip install 'longrec[all]'"
    if missing is not None and module_name.startswith(missing):
        return "; is the module on the path, and spelt right?"
    return "; install it"


def default_parameters(cls: type[Agent]) -> dict[str, Any]:
    """The constructor's keyword parameters and their defaults."""
    parameters = inspect.signature(cls).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {p.name: None if p.default is p.empty else p.default for p in named}


def resolved(agent: Agent, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter of an agent that was made with some, defaults too, as they are stored: no JSON as its text.

    None often stands for what follows from another parameter; then it is what the agent keeps under its name.
    """
    given = default_parameters(type(agent)) | dict(parameters)
    return {name: _followed(agent, name) if value is None else _stored(value) for name, value in given.items()}


def _followed(agent: Agent, name: str) -> bool | int | float | str | None:
    value = getattr(agent, name, None)
    return value if isinstance(value, bool | int | float | str) else None


def _stored(value: Any) -> Any:
    try:
        canonical_json(value).encode()
    except (TypeError, ValueError, RecursionError):
        return repr(value)[:500]
    return value


def build_agent(name: str, parameters: Mapping[str, Any]) -> Agent:
    """A fresh agent. Raises `AgentError` for a parameter that it does not have or does not accept."""
    cls = load_class(name)
    known = default_parameters(cls)
    for key in parameters:
        if key not in known:
            tail = suggestion(key, list(known)) if known else "; it has no parameters"
            raise AgentError(f"agent {name!r} has no parameter {key!r}{tail}")
    _check_types(name, cls, parameters)
    try:
        return cls(**parameters)
    except (Exception, SystemExit) as error:
        told = ", ".join(parameters)  # by name: a value may hold a secret
        raise AgentError(f"agent {name!r} does not accept its parameters ({told}): {error}") from error


def _check_types(name: str, cls: type[Agent], parameters: Mapping[str, Any]) -> None:
    """Raise `AgentError` for a value that is not of the plain type that its parameter is annotated with.

    "False" is text, which Python takes for true: an ablation would be none, and nobody would know.
    """
    signature = inspect.signature(cls).parameters
    for key, value in parameters.items():
        hint = signature[key].annotation
        plain = (hint if isinstance(hint, str) else getattr(hint, "__name__", "")).removesuffix(" | None")
        if plain not in PLAIN or (value is None and hint != plain):
            continue
        kinds, told = PLAIN[plain]
        if type(value) not in kinds:
            raise AgentError(f"agent {name!r}: parameter {key!r} takes {told}, got {value!r}")


def parse_parameters(pairs: Sequence[str], what: str = "parameter") -> dict[str, Any]:
    """Parameters from "key=value" texts. A value is JSON where it reads as JSON, else the text itself.

    Raises `AgentError` for what is no key=value, `ConfigurationError` for a value that cannot be stored.

    >>> parse_parameters(["gamma=0.5", "model=scripted", "lengths=[2, 3]"])
    {'gamma': 0.5, 'model': 'scripted', 'lengths': [2, 3]}
    """
    parameters: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise AgentError(f"{what} {pair!r} is not of the form key=value")
        if key in parameters:
            raise AgentError(f"{what} {key!r} is given twice")
        parameters[key] = _value(value, f"{what} {key!r}")
    return parameters


def _value(text: str, what: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    try:
        canonical_json(value).encode()
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{what} is {text!r}, which cannot be stored; give finite numbers and plain text, in double quotes if it "
            "reads as a number"
        ) from error
    return value


def describe_agent(name: str) -> AgentInfo:
    """Facts of one agent, for lists and pages; an agent that cannot be imported is described by its fault."""
    entry_point = entry_point_of(name)
    try:
        cls = load_class(name)
    except AgentError as error:
        return AgentInfo(name, entry_point, fault=str(error))
    summary = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    return AgentInfo(
        name, entry_point, summary, default_parameters(cls), cls.privileged, cls.trains, cls.learns_from_log
    )


def missing_requirements(names: Sequence[str]) -> dict[str, str]:
    """Why some of these agents cannot be imported here, by name: a module that they need is not installed."""
    missing = {}
    for name in names:
        try:
            load_class(name)
        except AgentError as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                missing[name] = str(error)
    return missing


def agent_record(name: str, parameters: Mapping[str, Any], isolation: Isolation | None = None) -> AgentRecord:
    """The record of an agent as a submission stores it. Starts the agent once, so faults show before a run."""
    from leaderboard.hosting.start import started  # it needs this module

    if kind_of(name) == "trace":
        raise AgentError(f"agent {name!r}: {_WITHOUT_CLASS['trace']}")
    entry_point = entry_point_of(name)
    with started(name, parameters, isolation) as agent:
        try:
            return AgentRecord(
                name=_board_name(name, agent),
                entry_point=entry_point,
                source_sha256=source_hash(entry_point),
                parameters=dict(parameters),
                privileged=agent.privileged,
                trains=agent.trains,
                learns_from_log=agent.learns_from_log,
            )
        except ValidationError as fault:
            raise AgentError(f"agent {name!r} cannot be stored in a submission: {first_fault(fault)}") from fault


def _board_name(name: str, agent: Agent) -> str:
    """The registered name, or that of the class; what a command or a server calls itself."""
    if kind_of(name) != "class":
        return type(agent).__name__
    return name.rpartition(":")[2] if ":" in name else name


def source_hash(entry_point: str) -> str:
    """SHA-256 over names and contents of an agent's source files, in hexadecimal.

    Of a class they are those of its module's top-level package, prompts included; of a command the files that it names.
    Of a server nothing is known: its hash is that of nothing. Raises `AgentError` where there are none to be found.
    """
    if kind_of(entry_point) == "server":
        return hashlib.sha256().hexdigest()
    files = _named_in(entry_point) if kind_of(entry_point) == "command" else _files_of(entry_point.partition(":")[0])
    digest = hashlib.sha256()
    for name, file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{name.as_posix()}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _named_in(command: str) -> list[tuple[Path, Path]]:
    """The files among a command's words. A program that is called by its absolute path is no source."""
    words = shlex.split(command.removeprefix(COMMAND))
    paths = [Path(word) for n, word in enumerate(words) if n or not Path(word).is_absolute()]
    return [(Path(path.name), path) for path in paths if path.is_file()]


def _files_of(module_name: str) -> list[tuple[Path, Path]]:
    _search_here()
    top = importlib.util.find_spec(module_name.partition(".")[0])
    if top is not None and top.submodule_search_locations:
        folders = [Path(p) for p in top.submodule_search_locations if Path(p).is_dir()]
        return [(p.relative_to(f), p) for f in folders for p in f.rglob("*") if p.suffix in _SOURCES]
    if top is not None and top.origin is not None:
        return [(Path(Path(top.origin).name), Path(top.origin))]
    raise AgentError(f"the sources of module {module_name!r} cannot be found")
