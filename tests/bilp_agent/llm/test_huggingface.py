"""The transformers backend on a real, tiny, randomly initialised Llama saved to a folder."""

from __future__ import annotations

import gc
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from bilp_agent.agent import BiLLPAgent
from bilp_agent.llm import Message, Request, load_model
from bilp_agent.llm.huggingface import HuggingFaceModel, _fingerprint
from recsim_envs.errors import ConfigurationError, LanguageModelError
from tests.bilp_agent.fakes import Door, kind_world, play
from tests.bilp_agent.llm.tiny import save_tiny_llama

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)


def ask(text: str, **options: object) -> Request:
    return replace(Request((Message("system", "be brief"), Message("user", text)), max_tokens=12), **options)  # type: ignore[arg-type]


REQUESTS = [ask("hello world"), ask("the user left after the third game and never came back"), ask("a")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    save_tiny_llama(path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> HuggingFaceModel:
    return HuggingFaceModel(str(folder), device="cpu", batch_size=2)


def test_batches_are_answered_in_order_and_measured(model: HuggingFaceModel) -> None:
    together = model.generate(REQUESTS)
    alone = [model.generate([request])[0] for request in REQUESTS]
    assert [c.text for c in together] == [c.text for c in alone]
    assert len({c.text for c in together}) == 3
    for completion, request in zip(together, REQUESTS, strict=True):
        prompt = "".join(f"{m.role.capitalize()}: {m.content}\n\n" for m in request.messages) + "Assistant:"
        assert completion.usage.input == len(prompt.encode())  # one token a byte
        assert completion.usage.output is not None
        assert 0 < completion.usage.output <= 12
        assert completion.finish in ("stop", "length")


def test_a_batch_has_to_hold_something(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="batch_size must be at least 1, got 0"):
        HuggingFaceModel(str(folder), batch_size=0)


def test_a_model_that_nobody_asks_any_more_is_gone_at_once(folder: Path) -> None:
    """Hundreds of megabytes, which Python would not look for before many small objects were made."""
    HuggingFaceModel(str(folder), device="cpu")  # the first import of transformers holds its caller for a while
    gc.disable()
    try:
        model = HuggingFaceModel(str(folder), device="cpu")
        model.generate([ask("hello", choices=("1", "2"), choice_line="Item")])
        gone = weakref.ref(model)
        del model
        assert gone() is None
    finally:
        gc.enable()


def test_greedy_is_repeatable_and_sampling_follows_the_seed(model: HuggingFaceModel) -> None:
    assert model.generate(REQUESTS) == model.generate(REQUESTS)
    sampled = [ask("hello world", temperature=1.0, seed=seed) for seed in (1, 2, 1)]
    texts = [c.text for c in model.generate(sampled)]
    assert texts[0] == texts[2] != texts[1]
    assert model.generate(sampled[1:2])[0].text == texts[1]  # whatever else is in the batch
    assert model.generate([ask("hello world", temperature=1.0)])[0].text


def test_answers_end_at_a_stop_string(model: HuggingFaceModel) -> None:
    free = model.generate([ask("hello world", max_tokens=30)])[0]
    stop = next(c for c in free.text[1:-1] if c.isascii() and c.isalnum())  # half a UTF-8 character is no stop string
    cut = model.generate([ask("hello world", max_tokens=30, stop=(stop,))])[0]
    assert cut.finish == "stop"
    assert cut.text == free.text[: free.text.index(stop)].strip()
    assert (cut.usage.output or 0) < (free.usage.output or 0)


def test_a_prompt_that_does_not_fit_is_a_fault_of_its_own(model: HuggingFaceModel) -> None:
    long, fine = model.generate([ask("x" * 400), REQUESTS[0]])
    assert (long.text, long.finish) == ("", "fault")
    assert long.fault is not None
    assert long.fault.startswith("context overflow: prompt of 4")
    assert fine.finish != "fault"


def test_a_chat_template_is_used_where_there_is_one(folder: Path) -> None:
    model = HuggingFaceModel(str(folder), device="cpu")
    model._tokenizer.chat_template = TEMPLATE
    assert model._prompt(REQUESTS[2].messages) == "<system> be brief\n<user> a\n<a>"


def test_a_template_without_a_system_role_gets_users_and_answers_in_turn(folder: Path) -> None:
    model = HuggingFaceModel(str(folder), device="cpu")
    refusal = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    model._tokenizer.chat_template = refusal + TEMPLATE
    turns = (*REQUESTS[2].messages, Message("assistant", "b"), Message("user", "c"))
    assert model._prompt(turns) == "<user> be brief\n\na\n<assistant> b\n<user> c\n<a>"
    model._tokenizer.chat_template = "{{ no_such_function() }}"
    with pytest.raises(Exception, match="no_such_function"):  # a broken template is not papered over
        model._prompt(turns)


def test_what_may_be_left_out_is_left_out_least_important_first(model: HuggingFaceModel) -> None:
    old, older = "old " * 25, "older " * 25
    request = ask(f"A {older} B {old} C", optional=(older, old))
    answer = model.generate([request])[0]
    assert (answer.dropped, answer.finish == "fault") == (1, False)
    assert answer.text == model.generate([ask(f"A  B {old} C")])[0].text
    assert model.generate([replace(request, max_tokens=150)])[0].dropped == 2
    tiny = model.generate([replace(request, max_tokens=220)])[0]
    assert (tiny.text, tiny.finish, tiny.dropped) == ("", "fault", 2)
    assert model.generate([ask("A old B", optional=("old",))])[0].dropped == 0


def test_the_name_is_the_content(folder: Path, model: HuggingFaceModel) -> None:
    same = load_model(f"hf:{folder}", device="cpu", dtype="float32")
    assert same.name == model.name
    assert model.name.startswith(f"hf:{folder.name}-")
    assert str(folder) not in model.name
    assert load_model(f"hf:{folder}", device="cpu", dtype="bfloat16").name == f"{model.name}:bfloat16"
    (folder / "README.md").write_text("# A model card, which changes no answer")
    assert HuggingFaceModel(str(folder), device="cpu", dtype="float32").name == model.name
    (folder / "note.txt").write_text("changed")
    assert HuggingFaceModel(str(folder), device="cpu").name != model.name


def test_weights_that_differ_anywhere_have_another_name(tmp_path: Path) -> None:
    names, content = set(), bytearray(3 << 20)
    for place in (None, 5, len(content) // 2, len(content) - 1):
        if place is not None:
            content[place] += 1
        (tmp_path / "model.safetensors").write_bytes(content)
        names.add(_fingerprint(tmp_path))
    assert len(names) == 4


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(LanguageModelError, match=r"cannot load.*config\.json, weights and tokenizer"):
        load_model(f"hf:{tmp_path}")


def test_weights_that_are_cut_missing_or_of_another_shape_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    def refused(name: str, reason: str) -> None:
        with pytest.raises(LanguageModelError, match=rf"cannot load .*{reason}.*config\.json, weights and tokenizer"):
            HuggingFaceModel(str(tmp_path / name), device="cpu")

    for name in ("cut", "part", "other"):
        shutil.copytree(folder, tmp_path / name)
    cut, part = tmp_path / "cut/model.safetensors", tmp_path / "part/model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    refused("cut", "cut")
    weights = load_file(part)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, part, {"format": "pt"})
    refused("part", r"weights are missing: model\.layers\.1\.mlp\.up_proj\.weight")
    config = tmp_path / "other/config.json"
    config.write_text(config.read_text().replace('"intermediate_size": 64', '"intermediate_size": 32'))
    refused("other", "")  # transformers raises a RuntimeError


def test_a_device_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(LanguageModelError, match=r"cannot put .* on device 'cuda:7'.*choose another device"):
        HuggingFaceModel(str(folder), device="cuda:7")
    with pytest.raises(LanguageModelError, match="a dtype of torch"):
        HuggingFaceModel(str(folder), device="cpu", dtype="float13")


def test_too_little_memory_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(**_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    model = HuggingFaceModel(str(folder), device="cpu", batch_size=7)
    monkeypatch.setattr(model._model, "generate", full)
    with pytest.raises(
        LanguageModelError, match=r"out of memory on cpu with 7 prompts at once; set .*batch_size lower"
    ):
        model.generate(REQUESTS)


def test_sampling_draws_from_the_tempered_distribution(model: HuggingFaceModel) -> None:
    import torch

    scores = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).repeat(4000, 1)
    chosen = model._sampler(2.0, range(4000))(None, scores).argmax(dim=1)
    shares = torch.bincount(chosen, minlength=4) / 4000
    assert torch.allclose(shares, torch.softmax(scores[0] / 2.0, 0), atol=0.03)  # about four standard errors


def test_the_whole_agent_survives_a_model_that_is_too_small(folder: Path) -> None:
    world = kind_world()
    agent = BiLLPAgent(model=f"hf:{folder}", model_options={"device": "cpu"}, max_tokens=4, train_lanes=2)
    agent.train(Door(world, 2), 0)
    assert set(play(agent, world, range(2), 2)) == {0, 1}
    facts = agent.describe()
    assert facts["faults"]["context overflow"] > 0  # its context holds 256 tokens
    assert facts["answers"]["actor"]["fallback"] == 1.0
