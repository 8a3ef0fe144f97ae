"""What one update of the pocket model needs: the loss, the optimizer, and arithmetic that is quick on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bilp_agent.pocket.data import IGNORED

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM


def compute_attention_in_float32(model: LlamaForCausalLM) -> None:
    """Processors without bfloat16 attention kernels take three times as long for its gradient as in float32."""
    import torch
    from transformers import AttentionInterface

    def attention(_: Any, q: Any, k: Any, v: Any, mask: Any, **options: Any) -> tuple[Any, None]:
        with torch.autocast(q.device.type, enabled=False):
            seen = torch.nn.functional.scaled_dot_product_attention(q.float(), k.float(), v.float(), is_causal=True)
        return seen.transpose(1, 2), None

    AttentionInterface.register("longrec_float32", attention)
    model.set_attn_implementation("longrec_float32")


def make_optimizer(model: LlamaForCausalLM, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW, whose decay leaves norms alone."""
    import torch

    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)


def answer_loss(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens; scores are computed at these alone, which halves the work.

    An answer of n tokens weighs as much as sqrt(n) of one: by tokens alone, choices of the Actor, which are one token
    long but for the form, would count next to nothing against reflections, and by answers alone the reverse.
    """
    import torch

    hidden = model.model(ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    learned = wanted != IGNORED
    losses = torch.nn.functional.cross_entropy(model.lm_head(hidden[learned]), wanted[learned], reduction="none")
    weights = (learned.sum(dim=1, keepdim=True).clamp(min=1) ** -0.5).expand_as(learned)[learned]
    return (weights * losses).sum() / weights.sum()
