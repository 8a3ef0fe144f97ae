"""Text to vector with a transformer: mean of the last hidden states (Reimers & Gurevych, "Sentence-BERT", 2019)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsim_envs.errors import ConfigurationError

GRID = 1024.0
KEPT = 1 << 16  # vectors of texts already seen
LONGEST = 256  # tokens; states and titles are far shorter


class TransformerEncoder:
    """Vectors of length 1 from any model that `transformers.AutoModel` loads, the tokens' mean where it is unmasked.

    path: a folder with model and tokenizer (what sentence-transformers saves is one), or a hub id. The model is loaded
    when the first name, width or vector is asked for. Each text goes through alone, so that its vector does not depend
    on others; texts already seen are not computed again. Entries are rounded to multiples of 1/1024: squared
    distances of such vectors are exact in float32, whatever the order of summation.

    scale: the squared distance between texts that differ in little. Texts that have nothing in common are 2 apart, and
    hashed ones of a dozen phrases about 24 to 48; who compares distances with constants divides by this.
    """

    scale = 1 / 16

    def __init__(self, path: str, device: str = "cpu") -> None:
        self._path, self._device = path, device
        self._parts: tuple[Any, Any, Any] | None = None
        self._seen: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """`transformer-` and the digest of a local folder's files, or a hub id with its commit."""
        folder = Path(self._path)
        if folder.is_dir():
            return f"transformer-{folder.name}-{_digest(folder)}"
        revision = getattr(self._loaded()[2].config, "_commit_hash", None)
        return f"transformer-{self._path}@{revision}"

    @property
    def dim(self) -> int:
        """Width of the model's hidden states."""
        return int(self._loaded()[2].config.hidden_size)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 (len(texts), dim)."""
        if len(self._seen) > KEPT:
            self._seen = {}
        for text in texts:
            if text not in self._seen:
                self._seen[text] = self._encode_one(text)
        return np.stack([self._seen[text] for text in texts]) if texts else np.zeros((0, self.dim), np.float32)

    def _encode_one(self, text: str) -> NDArray[np.float32]:
        torch, tokenizer, model = self._loaded()
        tokens = tokenizer([text], return_tensors="pt", truncation=True, max_length=LONGEST).to(self._device)
        with torch.inference_mode():
            states = model(**tokens).last_hidden_state[0].to(torch.float64).cpu().numpy()
        mean = states.mean(axis=0)
        length = float(np.sqrt((mean * mean).sum()))
        return np.asarray(np.round(mean / (length or 1.0) * GRID) / GRID, np.float32)

    def _loaded(self) -> tuple[Any, Any, Any]:
        """Torch, tokenizer and model."""
        if self._parts is None:
            self._parts = _load(self._path, self._device)
        return self._parts


def _load(path: str, device: str) -> tuple[Any, Any, Any]:
    try:
        import torch
        import transformers
        from safetensors import SafetensorError
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed, which the text encoder {path!r} needs; run: pip install 'longrec[llm]', "
            "or choose encoder=hashing"
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        model, told = transformers.AutoModel.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
        absent = sorted(key for key in told["missing_keys"] if not key.startswith("pooler."))
        if absent:  # they would be drawn at random; the pooler is not used
            raise ValueError(f"weights are missing: {', '.join(absent[:3])}")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
        raise ConfigurationError(
            f"cannot load a text encoder from {path!r} ({reason}); give a folder with config.json, weights and "
            "tokenizer, a hub id that this machine can reach, or choose encoder=hashing"
        ) from error
    return torch, tokenizer, model.to(device).eval()


def _digest(folder: Path) -> str:
    """16 hexadecimal digits of what decides a vector: the model's configuration, tokenizer and weights."""
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.iterdir() if p.suffix in (".json", ".txt", ".model", ".safetensors", ".bin")):
        digest.update(json.dumps([file.name, file.stat().st_size]).encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()[:16]
