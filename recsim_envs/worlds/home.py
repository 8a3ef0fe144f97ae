"""Where longrec keeps what it generates for a user."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Folder of generated worlds and of the registry: `$LONGREC_HOME`, else the user's cache folder."""
    chosen = os.environ.get("LONGREC_HOME")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("longrec")
