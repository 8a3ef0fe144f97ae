"""Decoding for small Llama models on a CPU: all rows of a batch at once, without what transformers does besides.

`transformers.generate` spends most of its time outside of the matrix products of a model this small. Here the weights
of a layer that meet the same input are one matrix, packed for oneDNN where it is there (on some processors twice as
fast as what torch takes by default), the cache is allocated once, attention to it is compiled (`attention.py`), what
all prompts begin with is read and kept once, the last layer answers for the last token alone, rows that are done are
not computed further, and each processor decodes rows of its own. What comes out is the same, token by token (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bilp_agent.llm.huggingface import HuggingFaceModel, end_ids
from bilp_agent.pocket import attention
from recsim_envs.errors import LanguageModelError

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

WEIGHTS: Final = Path(__file__).parent / "weights" / "pocket1"
"""The folder of the model that comes with longrec."""
LEAST_ROWS: Final = 8  # that are worth a thread
Processor = Callable[[Any, Any], Any]
"""From token ids (b, t) and scores (b, vocabulary) to scores."""
Product = Callable[[Any], Any]
"""Multiplies the last axis of a tensor by a weight."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """The weights of one layer: `qkv` (3 d, d), `out` (d, d), `up` (2 m, d): gate above up, `down` (d, m)."""

    before: NDArray[np.float32]
    qkv: Product
    out: Product
    between: NDArray[np.float32]
    up: Product
    down: Product


class Decoder:
    """Greedy decoding with a Llama model in float32 on the CPU, without biases and with as many key as query heads.

    Raises `LanguageModelError` for another architecture.
    """

    def __init__(self, model: LlamaForCausalLM) -> None:
        import torch

        if not _is_decodable(model.config):
            kind = f"a {model.config.model_type} model"
            raise LanguageModelError(
                f"{kind} with biases, shared keys or scaled positions cannot be decoded so; use hf:FOLDER"
                if model.config.model_type == "llama"
                else f"{kind} is no Llama; use hf:FOLDER"
            )
        self._torch, config = torch, model.config
        self._heads, self._eps = config.num_attention_heads, config.rms_norm_eps
        self._width = config.head_dim
        self._embeddings = model.model.embed_tokens.weight.detach()
        self._last = model.model.norm.weight.detach().numpy()
        self._scores = _product(model.lm_head.weight)
        self._layers = [self._taken(layer) for layer in model.model.layers]
        base = config.rope_parameters["rope_theta"]
        turns = base ** (-torch.arange(0, self._width, 2, dtype=torch.float32) / self._width)
        self._turns = torch.cat([turns, turns])

    def _taken(self, layer: Any) -> _Layer:
        a, m, cat = layer.self_attn, layer.mlp, self._torch.cat
        return _Layer(
            layer.input_layernorm.weight.detach().numpy(),
            _product(cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight])),
            _product(a.o_proj.weight),
            layer.post_attention_layernorm.weight.detach().numpy(),
            _product(cat([m.gate_proj.weight, m.up_proj.weight])),
            _product(m.down_proj.weight),
        )

    def generate(
        self, ids: torch.Tensor, mask: torch.Tensor, most: int, ends: set[int], processors: Sequence[Processor] = ()
    ) -> torch.Tensor:
        """The prompts with what follows them, at most `most` tokens: int64 (b, t + n), 0 after an end mark.

        ids: int64 (b, t), padded on the left; mask: (b, t), 0 where they are. processors: of the scores of all rows, as
        in transformers.
        """
        torch, (rows, length) = self._torch, ids.shape
        missing = length - mask.sum(dim=1)
        prefix = self._read_once(ids, missing)
        shared = prefix.shape[3]
        cache = self._room(rows, length - shared + most)
        scores = self._read(ids[:, shared:], missing, prefix, cache)
        ended = torch.tensor(sorted(ends))
        written, alive, last = ids.new_zeros(rows, most), torch.arange(rows), ids
        for n in range(most):
            for process in processors:
                scores = process(last, scores)
            last = last[:, -1:].index_copy(0, alive, scores[alive].argmax(dim=1, keepdim=True))
            written[alive, n] = last[alive, 0]
            alive = alive[~torch.isin(last[alive, 0], ended)]
            if n + 1 == most or not len(alive):
                break
            scores[alive] = self._go_on(last[alive], alive, missing[alive], length - shared + n, prefix, cache)
        return torch.cat([ids, written[:, : n + 1]], dim=1)

    def _room(self, rows: int, length: int) -> torch.Tensor:
        """For keys and values: (layers, 2, b, h, t, w)."""
        return self._torch.empty(len(self._layers), 2, rows, self._heads, length, self._width)

    def _read_once(self, ids: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        """Keys and values of what all prompts begin with, short of their last tokens: (layers, 2, h, s, w)."""
        torch, (rows, length) = self._torch, ids.shape
        begun = ids.gather(1, torch.arange(length - int(missing.max()) - 1) + missing[:, None])
        shared = int((begun == begun[:1]).all(dim=0).long().cumprod(dim=0).sum()) if rows > 1 else 0
        cache = self._room(1, shared)
        if shared:
            self._read(begun[:1, :shared], missing[:1] * 0, cache[:, :, 0, :, :0], cache)
        return cache[:, :, 0]

    def _read(
        self, ids: torch.Tensor, missing: torch.Tensor, prefix: torch.Tensor, cache: torch.Tensor
    ) -> torch.Tensor:
        """Scores (b, vocabulary) after the tokens `ids` (b, t), blanks first; fills the first t places of the cache."""
        (rows, count), shared = ids.shape, prefix.shape[3]
        columns = self._torch.arange(count)
        cos, sin = self._turned(shared + columns - missing[:, None])
        mask = (columns >= missing[:, None])[:, None] & (columns <= columns[:, None])
        mask = mask | (columns == columns[:, None])  # blanks see themselves
        mask = self._torch.cat([mask.new_ones(rows, count, shared), mask], dim=2)[:, None]

        def attend(n: int, joined: torch.Tensor) -> torch.Tensor:
            q, k, v = joined.permute(2, 0, 3, 1, 4)
            asked = slice(-1 if n + 1 == len(self._layers) else 0, None)  # after the last one at the last token alone
            own = cache[n, :, :, :, :count]
            own[0], own[1] = _turn(k, cos, sin), v
            keys, values = self._torch.cat([prefix[n][:, None].expand(-1, rows, -1, -1, -1), own], dim=3)
            q, seen = _turn(q, cos, sin)[:, :, asked], mask[:, :, asked]
            found = self._torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
            return found.transpose(1, 2).flatten(2)

        return self._through(ids, attend)

    def _go_on(
        self, ids: torch.Tensor, rows: torch.Tensor, missing: torch.Tensor, column: int, prefix: torch.Tensor,
        cache: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """Scores (n, vocabulary) after one more token (n, 1) of some rows, whose place in the cache is `column`."""
        cos, sin = self._turned((prefix.shape[3] + column - missing)[:, None])
        told = (cos[:, 0].numpy(), sin[:, 0].numpy(), rows.numpy(), missing.numpy(), column)

        def attend(n: int, joined: torch.Tensor) -> torch.Tensor:
            found = attention.attend(joined[:, 0].numpy(), *told, prefix[n].numpy(), cache[n].numpy())
            return self._torch.from_numpy(found)[:, None]

        return self._through(ids, attend)

    def _turned(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines, (b, t, w) each, by which tokens at some places (b, t) are turned."""
        angles = places[:, :, None] * self._turns
        return angles.cos(), angles.sin()

    def _through(self, ids: torch.Tensor, attend: Callable[[int, torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Scores (b, vocabulary) after some tokens (b, t).

        attend: from the number of a layer and queries, keys and values (b, t, 3, h, w) to what is seen, (b, t, d).
        """
        x = self._torch.nn.functional.embedding(ids, self._embeddings)
        for n, layer in enumerate(self._layers):
            joined = layer.qkv(self._normed(x, layer.before))
            seen = attend(n, joined.view(*joined.shape[:2], 3, self._heads, self._width))
            x = x[:, -seen.shape[1] :] + layer.out(seen)
            x = x + layer.down(self._each(attention.gated, layer.up(self._normed(x, layer.between))))
        return self._scores(self._normed(x[:, -1], self._last))

    def _normed(self, x: torch.Tensor, weight: NDArray[np.float32]) -> torch.Tensor:
        return self._each(attention.normed, x, weight, self._eps)

    def _each(self, kernel: Callable[..., Any], x: torch.Tensor, *more: Any) -> torch.Tensor:
        """A kernel of rows, of all vectors (..., d)."""
        found = kernel(x.reshape(-1, x.shape[-1]).numpy(), *more)
        return self._torch.from_numpy(found).view(*x.shape[:-1], -1)


def _is_decodable(config: Any) -> bool:
    return (
        config.model_type == "llama"
        and config.num_key_value_heads == config.num_attention_heads
        and not (config.attention_bias or config.mlp_bias)
        and config.rope_parameters["rope_type"] == "default"
        and config.hidden_act == "silu"
    )


def _product(weight: torch.Tensor) -> Product:
    """Multiplication by a weight (out, in), packed once where oneDNN computes it."""
    import torch

    weight = weight.detach()
    if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
    return lambda x: torch.nn.functional.linear(x, weight)


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of (b, h, t, w) by (b, t, w); the halves of the last axis are pairs."""
    import torch

    low, high = x.chunk(2, dim=-1)
    return x * cos[:, None] + torch.cat([-high, low], dim=-1) * sin[:, None]


class PocketModel(HuggingFaceModel):
    """A transformers model from a folder, whose tokens come from `Decoder`, greedily, where it is float32 on a CPU."""

    def __init__(self, path: str, **options: Any) -> None:
        with _quietly():
            super().__init__(path, **options)
        fits = self.device == "cpu" and self._model.dtype == self._torch.float32
        self._decoder = Decoder(self._model) if fits else None

    def _run(self, arguments: dict[str, Any], processors: Callable[[slice], list[Any]]) -> Any:
        """What `transformers.generate` would write; int64 (rows, length)."""
        if self._decoder is None:
            return super()._run(arguments, processors)
        decoder, most, ends = self._decoder, arguments["max_new_tokens"], end_ids(self._model, self._tokenizer)
        ids, mask = arguments["input_ids"], arguments["attention_mask"]

        def decoded(rows: slice) -> Any:
            with self._torch.inference_mode():
                return decoder.generate(ids[rows], mask[rows], most, ends, processors(rows))

        return side_by_side(decoded, len(ids))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars of transformers, which outlast the reading of a few megabytes."""
    try:
        from transformers.utils import logging
    except ImportError:  # which is told where it is loaded
        yield
        return
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def side_by_side(decoded: Callable[[slice], torch.Tensor], rows: int) -> torch.Tensor:
    """Decode a batch in as many parts as torch has threads, each by one: steps are too small to be shared."""
    import torch

    threads = torch.get_num_threads()
    parts = max(min(threads, rows // LEAST_ROWS), 1)
    if parts == 1:
        return decoded(slice(None))
    bounds = [rows * part // parts for part in range(parts + 1)]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(parts) as pool:
            found = list(pool.map(decoded, map(slice, bounds, bounds[1:])))
    finally:
        torch.set_num_threads(threads)
    longest = max(part.shape[1] for part in found)
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[1])) for part in found])
