"""Tokenizer, initial weights, decoding and training of the pocket model, on tiny ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from bilp_agent.llm import Message, Request, load_model  # noqa: E402
from bilp_agent.llm.huggingface import HuggingFaceModel  # noqa: E402
from bilp_agent.pocket import train as training  # noqa: E402
from bilp_agent.pocket.checkpoint import write_model  # noqa: E402
from bilp_agent.pocket.data import IGNORED, Encoded, batches, encode, padded  # noqa: E402
from bilp_agent.pocket.decode import Decoder  # noqa: E402
from bilp_agent.pocket.learning import answer_loss  # noqa: E402
from bilp_agent.pocket.model import copies, make_config, make_model  # noqa: E402
from bilp_agent.pocket.rollouts import Example  # noqa: E402
from bilp_agent.pocket.tokenizer import train_tokenizer  # noqa: E402
from bilp_agent.pocket.train import Schedule, train  # noqa: E402
from recsim_envs.errors import AgentError, LanguageModelError  # noqa: E402

NAMES = ["Comedy", "Drama & Crime", "Драма"]
EXAMPLES = [
    Example(
        "Actor",
        "Carry out the plan.",
        f"## Plan\nPrefer: known\n{n} {name} | reward {n % 5}, {n} steps ago",
        f"Item: {n}",
    )
    for n in range(1, 30)
    for name in NAMES
]
TEXTS = [text for e in EXAMPLES for text in (e.system, e.user, e.answer)]
TOKENIZER = train_tokenizer(TEXTS, NAMES)
ENDS = {key: getattr(TOKENIZER, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
SIZES = {"worlds": 1, "sessions": 1, "kept": 40, "pool": 100, "steps": 3, "tokens": 1024}
TINY = Schedule(hidden=96, layers=2, rounds=2, student_from=1, student_worlds=1, check=9, **SIZES)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def tiny_model(seed: int = 0):
    return make_model(make_config(len(TOKENIZER), hidden=96, layers=3, **ENDS), seed)


def test_phrases_are_tokens_and_digits_stand_alone():
    pieces = [
        TOKENIZER.decode([i]) for i in TOKENIZER.encode("## Plan\nPrefer: known\n12 Comedy | reward 3, 10 steps ago")
    ]
    assert pieces[:3] == ["## Plan\n", "Prefer: ", "known\n"]
    assert pieces[3:5] == ["1", "2"]
    assert pieces[-4:] == [", ", "1", "0", " steps ago"]


@given(st.text(max_size=60))
def test_whatever_is_encoded_comes_back(text: str):
    kept = text.encode("utf-8", "ignore").decode()
    assert TOKENIZER.decode(TOKENIZER.encode(kept, add_special_tokens=False)) == kept


def test_initial_weights_copy_what_followed_before():
    model = make_model(make_config(900, hidden=160, layers=5), 0)
    half = torch.stack([torch.randperm(900, generator=torch.Generator().manual_seed(n))[:80] for n in range(4)])
    assert copies(model, half.repeat(1, 2)) > 0.6
    with torch.no_grad():
        for layer in model.model.layers[:2]:
            layer.self_attn.q_proj.weight.zero_()
    assert copies(model, half.repeat(1, 2)) < 0.1


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_as_it_was():
    before = torch.random.get_rng_state()
    one, again, other = tiny_model(), tiny_model(), tiny_model(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.dim() < 2 or not torch.equal(a, c)


@pytest.mark.parametrize(("seed", "shared"), [(0, 0), (1, 0), (2, 2), (3, 6)])
def test_decoding_gives_the_tokens_that_transformers_gives(seed: int, shared: int):
    model, generator = tiny_model(seed), torch.Generator().manual_seed(seed)
    ids = torch.randint(3, len(TOKENIZER), (7, 20), generator=generator)
    mask, begin = torch.ones_like(ids), ids[0, :shared].clone()
    for row, blank in enumerate((0, 0, 3, 9, 17 - shared, 1, 5)):
        ids[row, :blank], mask[row, :blank] = TOKENIZER.pad_token_id, 0
        ids[row, blank : blank + shared] = begin
    for ends in ([TOKENIZER.eos_token_id], list(range(0, len(TOKENIZER), 7))):
        theirs = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=24, do_sample=False, eos_token_id=ends, pad_token_id=0
        )
        ours = Decoder(model).generate(ids, mask, 24, set(ends))
        assert torch.equal(ours, theirs)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="other products differ in last bits by their rows")
def test_scores_do_not_depend_on_the_batch_nor_on_what_was_read_before():
    drawn, decoder = torch.Generator().manual_seed(0), Decoder(tiny_model(5))
    begin = torch.randint(3, len(TOKENIZER), (1, 90), generator=drawn)
    ids = torch.cat([begin.repeat(5, 1), torch.randint(3, len(TOKENIZER), (5, 37), generator=drawn)], dim=1)
    mask = torch.ones_like(ids)
    for row, blank in enumerate((0, 0, 3, 90, 120)):
        mask[row, :blank] = 0

    def scores(decoder: Decoder, rows: list[int]) -> torch.Tensor:
        heard: list[torch.Tensor] = []

        def hear(_: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
            heard.append(told.clone())
            return told

        decoder.generate(ids[rows], mask[rows], 8, set(), [hear])
        return torch.stack(heard, dim=1)

    alone = torch.cat([scores(Decoder(tiny_model(5)), [row]) for row in range(5)])
    for rows in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [4, 0], [1, 3, 2], [0, 0, 2]):  # from the second on, much is known
        assert torch.equal(scores(decoder, rows), alone[rows])


@pytest.mark.parametrize("head", [12, 16, 64])
def test_it_decodes_in_the_shape_that_a_model_has(head: int):
    from transformers import LlamaForCausalLM

    config = make_config(len(TOKENIZER), hidden=96, layers=2, **ENDS)
    config.head_dim, config.tie_word_embeddings = head, False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).eval()
    ids = torch.tensor([[5, 6, 7], [5, 6, 7], [0, 5, 9]])  # two alike, and one that is shorter
    mask, ends = (ids != 0).long(), [TOKENIZER.eos_token_id]
    for asked, seen in ((ids, mask), (ids[:1, :1], mask[:1, :1])):
        for most in (1, 6):
            theirs = model.generate(
                input_ids=asked,
                attention_mask=seen,
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=0,
            )
            assert torch.equal(Decoder(model).generate(asked, seen, most, set(ends)), theirs)


@pytest.mark.parametrize("choices", [(), ("1", "2", "10")])
def test_whoever_decodes_answers_are_the_same(tmp_path: Path, choices: tuple[str, ...]):
    write_model(tmp_path, tiny_model(4), TOKENIZER)
    line = "Item" if choices else ""
    requests = [
        Request((Message("system", "x"), Message("user", e.user)), 12, choices=choices, choice_line=line)
        for e in EXAMPLES[::4]
    ]
    told = [answer.text for answer in HuggingFaceModel(str(tmp_path)).generate(requests)]
    assert len(set(told)) > 1
    for threads in (1, 2):
        torch.set_num_threads(threads)
        assert [answer.text for answer in load_model(f"pocket:{tmp_path}").generate(requests)] == told
        assert torch.get_num_threads() == threads
    doubled = load_model(f"pocket:{tmp_path}", dtype="float64").generate(requests)  # which transformers decodes
    assert [answer.text for answer in doubled] == told


def test_other_architectures_are_refused():
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaForCausalLM

    config = make_config(len(TOKENIZER), hidden=96, layers=1, **ENDS)
    config.num_key_value_heads = 1
    with pytest.raises(LanguageModelError, match=r"shared keys.*hf:FOLDER"):
        Decoder(LlamaForCausalLM(config))
    with pytest.raises(LanguageModelError, match=r"gpt2 model is no Llama; use hf:FOLDER"):
        Decoder(GPT2LMHeadModel(GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1)))  # type: ignore[arg-type]


def test_labels_are_of_answers_alone():
    rows = encode(EXAMPLES[:5], TOKENIZER)
    ids, labels = padded(rows)
    for row, one, told in zip(rows, ids, labels, strict=True):
        assert (told[: row.start] == IGNORED).all()
        learned = told[told != IGNORED]
        assert learned.tolist() == one[row.start : len(row.ids)].tolist()
        assert learned[-1] == TOKENIZER.eos_token_id
    assert TOKENIZER.decode(rows[0].ids[rows[0].start : -1].tolist()) == EXAMPLES[0].answer


def test_an_answer_weighs_as_the_root_of_its_length():
    model = tiny_model()
    long = dataclasses.replace(EXAMPLES[0], answer=10 * EXAMPLES[0].answer)
    rows = encode([EXAMPLES[1], long], TOKENIZER)
    ids, labels = (torch.from_numpy(a) for a in padded(rows))
    logits = model(ids).logits[:, :-1].transpose(1, 2)
    each = torch.nn.functional.cross_entropy(logits, labels[:, 1:], reduction="none")
    lengths = (labels != IGNORED).sum(dim=1)
    assert lengths[0] != lengths[1]
    wanted = (each.sum(dim=1) / lengths**0.5).sum() / (lengths**0.5).sum()
    assert answer_loss(model, ids, labels).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_batches_hold_about_so_many_tokens_of_alike_examples():
    pool = [Encoded(np.arange(n, dtype=np.int32), 1) for n in range(40, 200)]
    for ids, _ in batches(pool, 2000, 20, np.random.default_rng(0)):
        assert ids.size <= 2000
        assert (ids != 0).sum() > 0.5 * ids.size


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stopping(what: str, done: int, total: int) -> None:
        if what.startswith("round 2: learning"):
            raise KeyboardInterrupt

    whole = train(tmp_path / "whole", TINY)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", TINY, watch=stopping)
    parts = train(tmp_path / "parts", TINY, workers=1)
    assert (parts / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    answer = load_model(f"pocket:{parts}").generate([Request((Message("system", "x"), Message("user", "y")), 5)])[0]
    assert answer.finish in ("stop", "length")
    assert answer.usage.output is not None
    with pytest.raises(AgentError, match="steps differ"):
        train(tmp_path / "whole", dataclasses.replace(TINY, steps=4))
    with monkeypatch.context() as patch:
        patch.setattr(training, "lessons", lambda: "others")
        with pytest.raises(AgentError, match=r"teaches otherwise \(lessons differ"):
            train(tmp_path / "whole", TINY)
    _every_damage_is_told(tmp_path / "whole")
    aside = tmp_path / "whole" / ".checkpoint-old-x" / "world"  # killed between the two renamings of a replacement
    aside.parent.mkdir()
    (tmp_path / "whole" / "checkpoint").replace(aside)
    again = train(tmp_path / "whole", TINY)
    assert (again / "model.safetensors").read_bytes() == (parts / "model.safetensors").read_bytes()


def _every_damage_is_told(folder: Path) -> None:
    """A file of the checkpoint that is cut, or is not there, is named with a way out; afterwards all is as it was."""
    kept = folder / "checkpoint"
    files = ("state.json", "optimizer.safetensors", "pool.safetensors", "model/model.safetensors")
    for name in (*files, "model/config.json", "model/tokenizer.json"):
        whole = (kept / name).read_bytes()
        for damage in (lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-40])):
            damage(kept / name)
            with pytest.raises(AgentError, match=rf"checkpoint/{name.split('/')[0]}: cannot be read .* or delete it"):
                train(folder, TINY)
            (kept / name).write_bytes(whole)


def test_the_loss_of_an_answer_is_that_of_its_tokens():
    model, rows = tiny_model(), encode(EXAMPLES[:4], TOKENIZER)
    ids, labels = (torch.from_numpy(a) for a in padded(rows))
    theirs = model(input_ids=ids, labels=labels).loss
    torch.testing.assert_close(training.answer_loss(model, ids, labels), theirs)
