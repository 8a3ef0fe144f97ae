"""Decoding for small Llama models on a CPU: all rows of a batch at once, in plain torch operations, cache included.

`transformers.generate` spends most of its time outside of the matrix products of a model this small. Here the weights
of a layer that meet the same input are one matrix, packed for oneDNN where it is there (on some processors twice as
fast as what torch takes by default), the cache is allocated once, what all prompts begin with is read once, the last
layer answers for the last token alone, and rows that are done leave the batch. What comes out is the same, token by
token (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bilp_agent.llm.huggingface import HuggingFaceModel, end_ids
from recsim_envs.errors import LanguageModelError

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

Processor = Callable[[Any, Any], Any]
"""From token ids (b, t) and scores (b, vocabulary) to scores."""
Product = Callable[[Any], Any]
"""Multiplies the last axis of a tensor by a weight."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """The weights of one layer: `qkv` (3 d, d), `out` (d, d), `up` (2 m, d): gate above up, `down` (d, m)."""

    before: torch.Tensor
    qkv: Product
    out: Product
    between: torch.Tensor
    up: Product
    down: Product


class Decoder:
    """Greedy decoding with a Llama model without biases and with as many key as query heads.

    Raises `LanguageModelError` for any other.
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
        self._embeddings, self._last = model.model.embed_tokens.weight.detach(), model.model.norm.weight.detach()
        self._scores = _product(model.lm_head.weight)
        self._layers = [self._taken(layer) for layer in model.model.layers]
        base = config.rope_parameters["rope_theta"]
        turns = base ** (-torch.arange(0, self._width, 2, dtype=torch.float32) / self._width)
        self._turns = torch.cat([turns, turns]).to(self._embeddings.device)

    def _taken(self, layer: Any) -> _Layer:
        a, m, cat = layer.self_attn, layer.mlp, self._torch.cat
        return _Layer(
            layer.input_layernorm.weight.detach(),
            _product(cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight])),
            _product(a.o_proj.weight),
            layer.post_attention_layernorm.weight.detach(),
            _product(cat([m.gate_proj.weight, m.up_proj.weight])),
            _product(m.down_proj.weight),
        )

    def generate(
        self, ids: torch.Tensor, mask: torch.Tensor, most: int, ends: set[int], processors: Sequence[Processor] = ()
    ) -> torch.Tensor:
        """The prompts with what follows them, at most `most` tokens: int64 (b, t + n), 0 after an end mark.

        ids: int64 (b, t), padded on the left; mask: (b, t), 0 where they are. processors: of scores, as in
        transformers; they number the rows, which then all stay to the end.
        """
        torch, device, (rows, length) = self._torch, ids.device, ids.shape
        missing = length - mask.sum(dim=1)
        size = (len(self._layers), 2, rows, self._heads, length + most, self._width)
        cache = torch.empty(size, device=device, dtype=self._embeddings.dtype)
        shared = self._read_once(ids, missing, cache)
        columns = torch.arange(length + most, device=device)
        seen = (columns < shared) | (columns >= shared + missing[:, None])  # (b, t + n); blanks follow what is shared
        ended = torch.tensor(sorted(ends), device=device)
        written = ids.new_zeros(rows, most)
        alive = torch.arange(rows, device=device)
        scores = self._step(ids[:, shared:], shared, missing, seen, cache)
        last = ids
        for n in range(most):
            for process in processors:
                scores = process(last, scores)
            last = scores.argmax(dim=1, keepdim=True)
            written[alive, n] = last[:, 0]
            going = ~torch.isin(written[alive, : n + 1], ended).any(dim=1)
            if n + 1 == most or not going.any():
                break
            if not processors and not going.all():
                alive, missing, seen, last = alive[going], missing[going], seen[going], last[going]
                cache = cache[:, :, going]
            scores = self._step(last, length + n, missing, seen, cache)
        return torch.cat([ids, written[:, : n + 1]], dim=1)

    def _read_once(self, ids: torch.Tensor, missing: torch.Tensor, cache: torch.Tensor) -> int:
        """Fill the cache with what all prompts begin with, short of their last tokens; how many tokens that is."""
        torch, (rows, length) = self._torch, ids.shape
        shortest = length - int(missing.max())
        if rows == 1:
            return 0
        begun = ids.gather(1, torch.arange(shortest - 1, device=ids.device) + missing[:, None])
        shared = int((begun == begun[:1]).all(dim=0).long().cumprod(dim=0).sum())
        if shared:
            whole = torch.ones(1, shared, dtype=torch.bool, device=ids.device)
            self._step(begun[:1, :shared], 0, torch.zeros_like(missing[:1]), whole, cache[:, :, :1])
            cache[:, :, 1:, :, :shared] = cache[:, :, :1, :, :shared]
        return shared

    def _step(
        self, ids: torch.Tensor, column: int, missing: torch.Tensor, seen: torch.Tensor, cache: torch.Tensor
    ) -> torch.Tensor:
        """Scores (b, vocabulary) after the tokens `ids` (b, t), which stand from `column` on; fills the cache."""
        torch, functional = self._torch, self._torch.nn.functional
        rows, count = ids.shape
        stop = column + count
        places = torch.arange(column, stop, device=ids.device) - missing[:, None]
        angles = places[:, None, :, None] * self._turns
        cos, sin = (turned.to(self._embeddings.dtype) for turned in (angles.cos(), angles.sin()))
        mask = seen[:, None, None, :stop]
        if count > 1:
            mask = mask & torch.ones(count, stop, dtype=torch.bool, device=ids.device).tril(column)
            mask = mask | torch.eye(stop, dtype=torch.bool, device=ids.device)[column:]  # blanks see themselves
        x = functional.embedding(ids, self._embeddings)
        for n, (layer, (keys, values)) in enumerate(zip(self._layers, cache, strict=True), 1):
            q, k, v = self._split(layer.qkv(self._normed(x, layer.before)))
            keys[:, :, column:stop], values[:, :, column:stop] = _turned(k, cos, sin), v
            q = _turned(q, cos, sin)
            if n == len(self._layers):  # what comes after it is asked at the last token alone
                x, q, mask = x[:, -1:], q[:, :, -1:], mask[:, :, -1:]
            seen_by = functional.scaled_dot_product_attention(q, keys[:, :, :stop], values[:, :, :stop], attn_mask=mask)
            x = x + layer.out(seen_by.transpose(1, 2).reshape(rows, x.shape[1], -1))
            gate, up = layer.up(self._normed(x, layer.between)).chunk(2, dim=2)
            x = x + layer.down(functional.silu(gate) * up)
        return self._scores(self._normed(x[:, -1], self._last))

    def _split(self, joined: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows, count, _ = joined.shape
        return joined.view(rows, count, 3, self._heads, self._width).permute(2, 0, 3, 1, 4).unbind(0)

    def _normed(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return self._torch.nn.functional.rms_norm(x, (x.shape[-1],), weight, self._eps)


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
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
    return lambda x: torch.nn.functional.linear(x, weight)


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of (b, h, t, w); the halves of the last axis are pairs."""
    import torch

    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-high, low], dim=-1) * sin


class PocketModel(HuggingFaceModel):
    """A transformers model from a folder whose tokens come from `Decoder` where it can decode it: greedily."""

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        self._decoder = Decoder(self._model)

    def _run(self, arguments: dict[str, Any]) -> Any:
        """What `transformers.generate` would write; int64 (rows, length) on the CPU."""
        ends = end_ids(self._model, self._tokenizer)
        ids, mask, processors = (arguments[key] for key in ("input_ids", "attention_mask", "logits_processor"))
        with self._torch.inference_mode():
            return self._decoder.generate(ids, mask, arguments["max_new_tokens"], ends, processors).cpu()
