"""Decoding for small Llama models on a CPU: all rows of a batch at once, without what transformers does besides.

`transformers.generate` spends most of its time outside of the matrix products of a model this small. Here the tokens of
all rows are packed without blanks, the weights of a layer that meet the same input are one matrix, packed for oneDNN
where it is there (on some processors twice as fast as what torch takes by default), attention is compiled
(`attention.py`), what prompts have begun with before is not read again (`prefixes.py`), the last layer answers for the
last token alone, rows that are done are not computed further, and each processor decodes rows of its own. What comes
out is the same, token by token; where oneDNN multiplies (AVX2 and AVX512 were tried) it does not depend on what else is
in the batch, nor on what was read before, to the bit (tested).
"""

from __future__ import annotations

import math
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
from bilp_agent.pocket.prefixes import Prefixes
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
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Layer:
    """The weights of one layer: `qkv` (3 d, d), `out` (d, d), `up` (2 m, d): gate above up, `down` (d, m)."""

    before: Floats
    qkv: Product
    out: Product
    between: Floats
    up: Product
    down: Product


@dataclass(frozen=True, eq=False)
class _Cache:
    """What was read in each row, by place: `keys` (layers, b, h, w, t), `values` (layers, b, h, t, w)."""

    keys: Floats
    values: Floats


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
        angles = torch.arange(config.max_position_embeddings)[:, None] * torch.cat([turns, turns])
        self._cos, self._sin = angles.cos().numpy(), angles.sin().numpy()
        # elsewhere last bits differ by the rows of a product: what was read before would change what is answered
        self._prefixes = Prefixes() if _has_onednn() else Prefixes(most_bytes=0)
        self._free: list[Floats] = []

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
        torch, rows = self._torch, len(ids)
        prompts = [row[seen] for row, seen in zip(ids.numpy(), mask.numpy() != 0, strict=True)]
        lengths, ended = np.array([len(prompt) for prompt in prompts]), torch.tensor(sorted(ends))
        written, alive, last = ids.new_zeros(rows, most), torch.arange(rows), ids
        with self._room(rows, ids.shape[1] + most) as cache:
            scores = self._read(prompts, cache)
            for n in range(most):
                for process in processors:
                    scores = process(last, scores)
                last = last[:, -1:].index_copy(0, alive, scores[alive].argmax(dim=1, keepdim=True))
                written[alive, n] = last[alive, 0]
                alive = alive[~torch.isin(last[alive, 0], ended)]
                if n + 1 == most or not len(alive):
                    break
                at = alive.numpy()
                scores[alive] = self._scores_after(last[alive, 0], at, lengths[at] + n, np.arange(len(at)), cache)
        return torch.cat([ids, written[:, : n + 1]], dim=1)

    @contextmanager
    def _room(self, rows: int, length: int) -> Iterator[_Cache]:
        """A cache, in memory that is used again and again: to get it anew takes longer than to fill it."""
        shape = len(self._layers), rows, self._heads
        size = math.prod(shape) * self._width * length
        memory = self._free.pop() if self._free else np.empty(0, np.float32)
        if len(memory) < 2 * size:
            memory = np.empty(2 * size, np.float32)
        try:
            keys, values = memory[:size], memory[size : 2 * size]
            yield _Cache(keys.reshape(*shape, self._width, length), values.reshape(*shape, length, self._width))
        finally:
            self._free.append(memory)

    def _read(self, prompts: Sequence[NDArray[np.int64]], cache: _Cache) -> torch.Tensor:
        """Scores (b, vocabulary) after the prompts, which fill the cache; what they begin with may be known."""
        held = [(cache.keys[:, row], cache.values[:, row]) for row in range(len(prompts))]
        known = [self._prefixes.recall(ids, *kept) for ids, kept in zip(prompts, held, strict=True)]
        counts = np.array([len(ids) - begun for ids, begun in zip(prompts, known, strict=True)])
        places = np.concatenate([np.arange(begun, len(ids)) for ids, begun in zip(prompts, known, strict=True)])
        ids = self._torch.from_numpy(np.concatenate([ids[n:] for ids, n in zip(prompts, known, strict=True)]))
        rows = np.repeat(np.arange(len(prompts)), counts)
        scores = self._scores_after(ids, rows, places, np.cumsum(counts) - 1, cache)
        for prompt, kept in zip(prompts, held, strict=True):
            self._prefixes.keep(prompt, *kept)
        return scores

    def _scores_after(self, ids: torch.Tensor, rows: Ints, places: Ints, last: Ints, cache: _Cache) -> torch.Tensor:
        """Scores (m, vocabulary) after some of the tokens `ids` (n,), whose rows and places in them are told (n,).

        last: (m,), which ones these are. Keys and values of all tokens go to the cache.
        """
        told = self._cos[places], self._sin[places], rows, places
        every = np.arange(len(rows))
        x = self._torch.nn.functional.embedding(ids, self._embeddings)
        for n, layer in enumerate(self._layers):
            asked = every if n + 1 < len(self._layers) else last
            joined = layer.qkv(self._normed(x, layer.before)).view(len(x), 3, self._heads, self._width)
            seen = attention.attend(joined.numpy(), *told, asked, cache.keys[n], cache.values[n])
            x = (x if asked is every else x[asked]) + layer.out(self._torch.from_numpy(seen))
            gated = attention.gated(layer.up(self._normed(x, layer.between)).numpy())
            x = x + layer.down(self._torch.from_numpy(gated))
        return self._scores(self._normed(x, self._last))

    def _normed(self, x: torch.Tensor, weight: Floats) -> torch.Tensor:
        return self._torch.from_numpy(attention.normed(x.numpy(), weight, self._eps))


def _is_decodable(config: Any) -> bool:
    return (
        config.model_type == "llama"
        and config.num_key_value_heads == config.num_attention_heads
        and not (config.attention_bias or config.mlp_bias)
        and config.rope_parameters["rope_type"] == "default"
        and config.hidden_act == "silu"
    )


def _has_onednn() -> bool:
    """Whether oneDNN multiplies: what it computes for one row is the same bits with any other rows."""
    import torch

    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _product(weight: torch.Tensor) -> Product:
    """Multiplication by a weight (out, in), packed once where oneDNN computes it."""
    import torch

    weight = weight.detach()
    if _has_onednn():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
    return lambda x: torch.nn.functional.linear(x, weight)


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
