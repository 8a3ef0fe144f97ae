"""Text encoders: by name, with or without a model, and the same vector whatever else is embedded."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from recsim_envs.errors import ConfigurationError
from recsim_envs.text.encoder import HashingEncoder, phrases, trigrams
from recsim_envs.text.encoders import load_encoder
from recsim_envs.text.transformer_encoder import GRID, TransformerEncoder

TEXTS = ["stage early; last reward 4", "portal", "a longer text about a puzzle", ""]


def save_tiny_bert(folder: Path, seed: int = 0) -> Path:
    """A randomly initialised BERT, two layers and 32 wide, with a vocabulary of letters."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789;"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("encoder") / "tiny-bert")


def test_encoding_does_not_depend_on_the_batch_or_on_case() -> None:
    encoder = HashingEncoder(64, trigrams)
    together = encoder.encode(["the witcher", "portal", ""])
    assert np.array_equal(together[1], encoder.encode(["Portal"])[0])
    assert together.dtype == np.float32
    assert not together[2].any()


@pytest.mark.parametrize(
    ("name", "features", "dim"), [("hashing-phrases-32", phrases, 32), ("hashing-trigrams-256", trigrams, 256)]
)
def test_an_encoder_is_found_by_the_name_it_gives_itself(name: str, features: object, dim: int) -> None:
    found = load_encoder(name)
    assert (found.name, found.dim) == (name, dim)
    assert np.array_equal(found.encode(TEXTS), HashingEncoder(dim, features).encode(TEXTS))  # type: ignore[arg-type]
    assert load_encoder().name == HashingEncoder().name


@pytest.mark.parametrize("name", ["nothing", "hashing-words-32", "hashing-phrases-0", "no/such/folder", ""])
def test_an_unknown_name_says_what_there_is(name: str) -> None:
    with pytest.raises(ConfigurationError, match="choose hashing"):
        load_encoder(name)


def test_a_transformer_gives_unit_vectors_on_a_grid(tiny_bert: Path) -> None:
    encoder = load_encoder(str(tiny_bert))
    vectors = encoder.encode(TEXTS)
    assert (vectors.shape, vectors.dtype, encoder.dim) == ((4, 32), np.float32, 32)
    assert np.allclose((vectors.astype(np.float64) ** 2).sum(axis=1), 1.0, atol=0.01)
    assert np.array_equal(vectors, np.round(vectors * GRID) / GRID)
    assert len({row.tobytes() for row in vectors}) == 4
    assert encoder.encode([]).shape == (0, 32)


def test_a_transformers_vector_is_the_mean_of_its_hidden_states(tiny_bert: Path) -> None:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_bert)
    model = transformers.AutoModel.from_pretrained(tiny_bert).eval()
    with torch.inference_mode():
        hidden = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0].double()
    mean = hidden.mean(dim=0) / hidden.mean(dim=0).norm()
    assert np.abs(TransformerEncoder(str(tiny_bert)).encode(TEXTS[:1])[0] - mean.numpy()).max() <= 0.51 / GRID


def test_a_transformers_vector_does_not_depend_on_the_batch(tiny_bert: Path) -> None:
    together = TransformerEncoder(str(tiny_bert)).encode(TEXTS)
    alone = [TransformerEncoder(str(tiny_bert)).encode([text])[0] for text in reversed(TEXTS)]
    assert np.array_equal(together, np.stack(alone[::-1]))
    # Distances are exact: sums of multiples of 2^-20 below 2^4.
    a, b = together[0], together[1]
    assert float(((a - b) ** 2).sum()) == float(((a - b).astype(np.float64) ** 2).sum())


def test_the_name_tells_weights_apart(tiny_bert: Path, tmp_path: Path) -> None:
    one, other = (
        TransformerEncoder(str(tiny_bert)).name,
        TransformerEncoder(str(save_tiny_bert(tmp_path / "tiny-bert", 1))).name,
    )
    assert one == TransformerEncoder(str(tiny_bert)).name != other
    assert one.startswith("transformer-tiny-bert-")


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    empty = load_encoder(str(tmp_path / "empty"))  # nothing is loaded yet
    with pytest.raises(ConfigurationError, match=r"cannot load a text encoder.*empty.*encoder=hashing"):
        empty.encode(["a"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigurationError, match=r"transformers is not installed.*longrec\[llm\]"):
        load_encoder("minilm").encode(["a"])


def test_cut_weights_are_named(tiny_bert: Path, tmp_path: Path) -> None:
    cut = shutil.copytree(tiny_bert, tmp_path / "cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ConfigurationError, match="cannot load a text encoder"):
        load_encoder(str(cut)).encode(["a"])


def test_weights_that_are_missing_are_not_drawn_at_random(tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    part = shutil.copytree(tiny_bert, tmp_path / "part")
    weights = load_file(part / "model.safetensors")
    lost = next(name for name in weights if "attention" in name)
    save_file({k: v for k, v in weights.items() if k != lost}, part / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigurationError, match="weights are missing"):
        load_encoder(str(part)).encode(["a"])
