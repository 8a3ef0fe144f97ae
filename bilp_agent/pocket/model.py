"""The pocket model's architecture and its initial weights: a small Llama whose first two layers can copy already.

Plain initial weights do not learn to copy within a budget of CPU-hours, and nearly all that the roles do begins with
copying: a number out of a reflection, the label of a candidate. So an induction circuit (Olsson et al., "In-context
Learning and Induction Heads", Transformer Circuits 2022) is set by hand: a head of the first layer tells each token
what stood before it; heads of the second look for earlier tokens that stood after the same token, and pass on which
they are. They are ordinary weights, trained on like all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

HEAD: Final = 32  # dimensions of a head, and of a token's code
INDUCTION_HEADS: Final = 3
_NEAR: Final = 6  # frequencies that tell one step back from the others
_FAR: Final = HEAD // 4  # the lower half of the frequencies hardly turns within a prompt
_SHARP: Final = 14.0  # how sure the two kinds of heads are at first
_STRONG: Final = 8.0  # what the circuit adds to the code of the token that it found
_SMALL: Final = 0.02  # standard deviation of everything else


def make_config(vocabulary: int, *, hidden: int = 192, layers: int = 6, **tokens: int) -> LlamaConfig:
    """The architecture. tokens: `bos_token_id`, `eos_token_id` and `pad_token_id`."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=int(hidden * 8 / 3) // 32 * 32,
        num_hidden_layers=layers,
        num_attention_heads=hidden // HEAD,
        num_key_value_heads=hidden // HEAD,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        tie_word_embeddings=True,
        **tokens,
    )


def make_model(config: LlamaConfig, seed: int) -> LlamaForCausalLM:
    """A model with initial weights that follow from `seed`: small random ones, and the circuit."""
    import torch
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.dim() > 1:
                    out = name.endswith(("o_proj.weight", "down_proj.weight"))
                    weight.normal_(std=_SMALL / (2 * config.num_hidden_layers) ** 0.5 if out else _SMALL)
            _set_circuit(model)
    return model.eval()


def _set_circuit(model: LlamaForCausalLM) -> None:
    """Codes in dimensions 0 to 31 of the residual stream, those of the token before in 32 to 63, and a one in 64."""
    import torch

    embeddings: Any = model.model.embed_tokens.weight
    codes = torch.nn.functional.normalize(torch.randn(len(embeddings), HEAD), dim=1)
    embeddings[:, :HEAD], embeddings[:, HEAD : 2 * HEAD], embeddings[:, 2 * HEAD] = codes, 0.0, 1.0
    # Every embedding has about this length, by which the norm before a layer multiplies it.
    gain = (embeddings.shape[1] / embeddings.square().sum(dim=1).mean().item()) ** 0.5
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    _look_one_back(first, gain)
    for head in range(INDUCTION_HEADS):
        _find_what_followed(second, head, gain)


def _look_one_back(attention: Any, gain: float) -> None:
    """Head 0: queries and keys are constant, turned so that they agree best one step apart; values are codes."""
    import torch

    turns = 1e6 ** (-torch.arange(HEAD // 2) * 2.0 / HEAD)
    near = (torch.arange(HEAD // 2) < _NEAR).float()
    size = (_SHARP * HEAD**0.5) ** 0.5 / gain
    query = torch.cat([near * torch.cos(turns), -near * torch.sin(turns)])  # as if it stood one step earlier
    attention.q_proj.weight[:HEAD, 2 * HEAD] = size * query
    attention.k_proj.weight[:HEAD, 2 * HEAD] = size * torch.cat([near, torch.zeros(HEAD // 2)])
    attention.v_proj.weight[:HEAD, :HEAD] = torch.eye(HEAD) / gain
    attention.o_proj.weight[HEAD : 2 * HEAD, :HEAD] = torch.eye(HEAD)


def _find_what_followed(attention: Any, head: int, gain: float) -> None:
    """A head that asks by a token's code for tokens after that code, and passes on their own codes."""
    import torch

    rows = slice(head * HEAD, (head + 1) * HEAD)
    slow = [*range(_FAR, HEAD // 2), *range(HEAD // 2 + _FAR, HEAD)]  # both halves of each slow pair
    seen = torch.linalg.qr(torch.randn(HEAD, HEAD)).Q[: len(slow)] * 2.0**0.5
    lookup = torch.zeros(HEAD, HEAD)
    lookup[slow] = seen * (2 * _SHARP * HEAD**0.5) ** 0.5 / gain
    attention.q_proj.weight[rows, :HEAD] = lookup
    attention.k_proj.weight[rows, HEAD : 2 * HEAD] = lookup
    attention.v_proj.weight[rows, :HEAD] = torch.eye(HEAD) / gain
    attention.o_proj.weight[:HEAD, rows] = torch.eye(HEAD) * _STRONG / INDUCTION_HEADS


def copies(model: LlamaForCausalLM, ids: torch.Tensor) -> float:
    """Of sequences (b, 2 n) that say the same twice: for which share of the second half the next token is foretold."""
    import torch

    half = ids.shape[1] // 2
    with torch.inference_mode():
        foretold = model(ids).logits[:, half:-1].argmax(dim=2)
    return float((foretold == ids[:, half + 1 :]).float().mean())
