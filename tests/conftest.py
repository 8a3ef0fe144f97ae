"""What all tests share: the data beside the checkout, small worlds, and a home folder of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Compiling a kernel takes the first example a second; the shared machine does the rest.
settings.register_profile("longrec", deadline=None)
settings.load_profile("longrec")

# Before numba or torch start: two cores are shared with xdist's workers.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Not the developer's own: what they registered is not under test. Kept, so that worlds are generated once.
ROOT = Path(__file__).resolve().parents[1]
os.environ["LONGREC_HOME"] = str(ROOT / ".pytest_cache" / "home")

from tests.worlds import tiny_factor_world, tiny_world  # noqa: E402

pytest_plugins = ("tests.stacks",)

LONG = ("test_readme.py", "test_ray.py")
"""Files whose single tests take the longest: begun last, one worker would be left with them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """`../shared/data`: MovieLens-100K, the BiLLP catalogues and the recorded trajectories."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {path} does not exist, so nothing was tested on real data")
    return path


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LONGREC_HOME for tests that register or generate worlds."""
    monkeypatch.setenv("LONGREC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def home_of_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for a whole file of tests: `pytestmark = pytest.mark.usefixtures("home_of_file")`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGREC_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def small_world():
    """12 users, 30 items, a table of rewards 1..5."""
    return tiny_world()


@pytest.fixture(scope="session")
def small_factor_world():
    """The same sizes on the factor reward model."""
    return tiny_factor_world()
