"""Golden-trajectory fingerprints: whether this platform computes an environment bit for bit as others do.

Replay compares rewards exactly, so a mathematical library that rounds one `exp` otherwise would turn true submissions
into false ones. A fingerprint is the SHA-256 of a short fixed run: every observation, info, reward, flag and cause of
`LANES` lanes over `STEPS` steps of random valid actions, lanes begun anew when their session is over. Each lane is
hashed alone, so the number of lanes that are stepped together changes nothing. The values of the built-in ids lie in
`fingerprints.json`; `python -m recsim_envs.fingerprint --write` makes them anew after a change of dynamics.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsim_envs import rng
from recsim_envs.errors import PlatformError
from recsim_envs.families.base import Simulator
from recsim_envs.files import atomic_file
from recsim_envs.ids import builtin_ids
from recsim_envs.markets import MARKETS
from recsim_envs.policies import random_actions
from recsim_envs.registration import make_simulator

FILE: Final = "fingerprints.json"
LANES: Final = 16
STEPS: Final = 40
_BYTES: Final = 2**25  # of one run; where observations are so large that it would take more, steps are fewer
_ROOT: Final = rng.derive_seed("fingerprint")


def fingerprint(env_id: str, options: Mapping[str, Any] | None = None) -> str:
    """The fingerprint of a registered id with its options, on its test users. Raises what `make_simulator` raises."""
    if not options and env_id in golden():
        return _default(env_id)
    return _of(env_id, options or {})


def run_fingerprint(make: Callable[[int], Simulator], together: int = LANES) -> str:
    """The fingerprint of the simulators that `make` builds with so many lanes, `together` of them at a time."""
    whole = hashlib.sha256()
    for start in range(0, LANES, together):
        for digest in _digests(make, np.arange(start, min(start + together, LANES))):
            whole.update(digest)
    return whole.hexdigest()


def check_fingerprint(env_id: str) -> None:
    """Raise `PlatformError` if a built-in id, with its default options, computes otherwise here than it should.

    An id without a golden value passes: those of plug-ins and of your own worlds have none. Runs once a process.
    """
    wanted = golden().get(env_id)
    if wanted is not None and (found := _default(env_id)) != wanted:
        raise PlatformError(
            f"{env_id} computes otherwise on this platform: its fingerprint is {found[:12]}, not {wanted[:12]} "
            f"(here {platform_text()}); compare the versions of numpy, numba and llvmlite with constraints.txt and "
            "reinstall those, and do not score here: results could not be replayed elsewhere"
        )


def platform_text() -> str:
    """What numbers depend on here: versions and processor."""
    packages = (f"{name} {version(name)}" for name in ("numpy", "numba", "llvmlite"))
    return ", ".join((*packages, f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"))


def builtin_names() -> list[str]:
    """Whatever has a golden value: the ids of the package and the names of its markets."""
    return [*builtin_ids(), *sorted(MARKETS)]


@cache
def golden() -> dict[str, str]:
    """The golden values of the package, by id."""
    source = files("recsim_envs") / FILE
    return json.loads(source.read_text("utf-8")) if source.is_file() else {}


@cache
def _default(env_id: str) -> str:
    return _of_market(env_id) if env_id in MARKETS else _of(env_id, {})


def _of_market(name: str) -> str:
    from recsim_envs.markets.play import digests

    keys = rng.bits_array(_ROOT, 0, rng.EPISODE, np.arange(LANES))
    return hashlib.sha256("".join(digests(name, keys, STEPS)).encode()).hexdigest()


def _of(env_id: str, options: Mapping[str, Any]) -> str:
    return run_fingerprint(lambda lanes: make_simulator(env_id, lanes, **(dict(options) | {"split": "test"})))


def _digests(make: Callable[[int], Simulator], lanes: NDArray[np.int64]) -> list[bytes]:
    """One SHA-256 a lane: what it draws depends on its number alone, not on where it stands."""
    simulator, hashes = make(len(lanes)), [hashlib.sha256() for _ in lanes]
    keys, begun = rng.bits_array(_ROOT, 0, rng.POLICY, lanes), np.zeros(len(lanes), np.int64)
    fresh = np.arange(len(lanes))
    simulator.begin(fresh, rng.bits_array(_ROOT, begun, rng.EPISODE, lanes))
    first = _rows(_arrays(simulator))
    _update(hashes, first)
    for step in range(max(1, min(STEPS, _BYTES // (LANES * first.shape[1])))):
        outcome = simulator.step(random_actions(simulator, keys, step))
        _update(hashes, _rows([*_arrays(simulator), *outcome]))
        fresh = np.flatnonzero(outcome.terminated | outcome.truncated)
        for place, cause in zip(fresh.tolist(), simulator.causes(fresh), strict=True):
            hashes[place].update(str(cause).encode())
        if len(fresh):
            begun[fresh] += 1
            simulator.begin(fresh, rng.bits_array(_ROOT, begun[fresh], rng.EPISODE, lanes[fresh]))
    return [h.digest() for h in hashes]


def _arrays(simulator: Simulator) -> list[NDArray[Any]]:
    observations, infos = simulator.observe(), simulator.infos()
    return [observations[key] for key in sorted(observations)] + [infos[key] for key in sorted(infos)]


def _rows(arrays: list[NDArray[Any]]) -> NDArray[np.uint8]:
    """The bytes of each lane, little-endian: uint8 (lanes, bytes)."""
    little = (np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"), copy=False)) for a in arrays)
    return np.concatenate([a.reshape(-1).view(np.uint8).reshape(len(a), a[0].nbytes) for a in little], axis=1)


def _update(hashes: list[Any], rows: NDArray[np.uint8]) -> None:
    for one, row in zip(hashes, rows, strict=True):
        one.update(row)


def write(path: Path, env_ids: Sequence[str]) -> None:
    """Put the values of these ids into the package's file, for its maintainers; ids that are none are taken out."""
    builtin = set(builtin_names())
    found = golden() | {env_id: _default(env_id) for env_id in env_ids}
    with atomic_file(path) as scratch:
        scratch.write_text(json.dumps({e: found[e] for e in sorted(builtin & found.keys())}, indent=1) + "\n", "utf-8")
    golden.cache_clear()


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the golden values with those of this platform, or renew them; 1 if an id has another or none."""
    parser = argparse.ArgumentParser(prog="python -m recsim_envs.fingerprint", description=main.__doc__)
    parser.add_argument("env_ids", nargs="*", default=builtin_names())
    parser.add_argument("--write", action="store_true", help="put the values of this platform into the package")
    given = parser.parse_args(arguments)
    if given.write:
        write(Path(str(files("recsim_envs") / FILE)), given.env_ids)
    wrong = [env_id for env_id in given.env_ids if golden().get(env_id) != _default(env_id)]
    for env_id in wrong:
        print(f"{env_id} differs from {FILE}, or is not in it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
