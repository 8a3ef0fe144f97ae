"""Decoding of the pocket model at batch 64: against transformers' `generate`, and against what memory could deliver."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from bilp_agent.pocket.decode import Decoder, side_by_side  # noqa: E402
from bilp_agent.pocket.model import make_config, make_model  # noqa: E402

ROWS, PROMPT, WRITTEN = 64, 40, 64  # tokens; the prompt is short, so that what is timed is decoding
TOKENS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(2)
    return make_model(make_config(1100, hidden=160, layers=6, **TOKENS), 0)


@pytest.mark.parametrize("way", ["ours", "generate"])
def test_decoding(benchmark, model, way):
    """So many tokens a row, whatever they are: nothing ends early. Prompts are new each time: none is remembered."""
    decoder, drawn = Decoder(model), torch.Generator().manual_seed(0)
    options = {"max_new_tokens": WRITTEN, "min_new_tokens": WRITTEN, "do_sample": False, "pad_token_id": 1}

    def prompts():
        ids = torch.randint(2, 1100, (ROWS, PROMPT), generator=drawn)
        return (ids, torch.ones_like(ids)), {}

    def ours(ids, mask):
        @torch.inference_mode()
        def decoded(rows):
            return decoder.generate(ids[rows], mask[rows], WRITTEN, set())

        return side_by_side(decoded, ROWS)

    @torch.inference_mode()
    def generate(ids, mask):
        return model.generate(input_ids=ids, attention_mask=mask, **options)

    benchmark.extra_info["steps"] = ROWS * WRITTEN
    benchmark.pedantic(ours if way == "ours" else generate, setup=prompts, rounds=5, warmup_rounds=1)


def test_memory(benchmark, model):
    """Only reading what each step of decoding has to read: weights, and the cache up to then."""
    weights = torch.randn(sum(p.numel() for p in model.parameters()))
    width = 2 * model.config.num_hidden_layers * ROWS * model.config.hidden_size
    cache = torch.randn(PROMPT + WRITTEN, width)

    def read():
        for n in range(WRITTEN):
            weights.sum(), cache[: PROMPT + n].sum()

    benchmark.extra_info["steps"] = ROWS * WRITTEN
    benchmark.pedantic(read, rounds=5, warmup_rounds=1)
