"""Text encoders by name."""

from __future__ import annotations

import re
from pathlib import Path

from recsim_envs.errors import ConfigurationError
from recsim_envs.text.encoder import Encoder, HashingEncoder, phrases, trigrams

NAMED = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
FEATURES = {"phrases": phrases, "trigrams": trigrams}


def load_encoder(name: str = "hashing") -> Encoder:
    """The encoder that a name stands for.

    "hashing": phrases, 128 wide, no model and no download; "hashing-FEATURES-DIM" with features phrases or trigrams.
    "minilm": all-MiniLM-L6-v2 from the hub. Anything else is a folder with a saved model, or a hub id (OWNER/MODEL).
    A model is loaded when it is first used. Raises `ConfigurationError` for a name that is none of these.
    """
    if name == "hashing":
        return HashingEncoder()
    hashing = re.fullmatch(r"hashing-(\w+)-([1-9]\d{0,4})", name)
    if hashing and hashing[1] in FEATURES:
        return HashingEncoder(int(hashing[2]), FEATURES[hashing[1]])
    path = NAMED.get(name, name)
    if (path and Path(path).is_dir()) or re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        from recsim_envs.text.transformer_encoder import TransformerEncoder

        return TransformerEncoder(path)
    raise ConfigurationError(
        f"there is no text encoder {name!r}; choose hashing, hashing-trigrams-256, {', '.join(NAMED)}, a folder with a "
        "saved model, or a hub id such as sentence-transformers/all-MiniLM-L6-v2"
    )
