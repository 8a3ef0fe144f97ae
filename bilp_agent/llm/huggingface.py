"""Any causal language model that transformers can load, from a local folder or the hub, on CPU or GPU."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from bilp_agent.llm.base import Completion, Finish, Message, Request, Usage, cut_at_stop
from bilp_agent.llm.choices import ChoiceProcessor, Chooser, Spelling
from recsim_envs.errors import ConfigurationError, LanguageModelError

SAMPLES, SAMPLE_BYTES = 8, 1 << 20  # of each file, for the fingerprint of a local folder
SPELLINGS = 256  # sets of choices whose tokens are kept


@dataclass(frozen=True)
class _Prompt:
    """What a model is shown: tokens, and how many optional passages were left out."""

    ids: list[int]
    dropped: int


class HuggingFaceModel:
    """A model of the transformers library.

    path: a folder with a saved model and tokenizer, or a hub id. device: "cpu", "cuda", ... or None to choose.
    dtype: a torch dtype's name, for example "bfloat16"; None keeps the checkpoint's. batch_size: most prompts in
    one forward pass. Greedy answers may differ in late tokens between batch sizes where padding changes the last
    bits of the logits; sampling draws from one generator a request, so that it does not depend on its neighbours.
    Answers keep to `Request.choices`, token by token.
    """

    constrains = True

    def __init__(self, path: str, device: str | None = None, dtype: str | None = None, batch_size: int = 32) -> None:
        if batch_size < 1:
            raise ConfigurationError(f"batch_size must be at least 1, got {batch_size}")
        torch, transformers = _import_libraries()
        self._torch, self._batch_size = torch, batch_size
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.repeatable = self.device == "cpu"  # other processors sum in the order that suits them
        self._tokenizer, self._model = _load(transformers, path, dtype)
        try:
            self._model.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:  # out of memory, no such device, torch without CUDA
            raise LanguageModelError(
                f"cannot put {path!r} on device {self.device!r} ({_first_line(error)}); choose another device or dtype"
            ) from error
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        self._context = int(getattr(self._model.config, "max_position_embeddings", 0) or 1 << 30)
        self._spelling = _spelling(self._tokenizer)
        revision = getattr(self._model.config, "_commit_hash", None)
        self._name = f"hf:{_fingerprint(Path(path)) if Path(path).is_dir() else f'{path}@{revision}'}"
        if dtype and self._model.dtype != transformers.AutoConfig.from_pretrained(path).dtype:
            self._name += f":{dtype}"  # other arithmetic, other answers

    @property
    def name(self) -> str:
        """The prefix "hf:", a fingerprint of a local folder or a hub id with its commit, and a dtype of one's own."""
        return self._name

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch.

        A prompt that does not fit the model's context is shortened by its optional passages; if it still does not
        fit, the request comes back as a fault. Nothing is ever cut silently.
        """
        answers: dict[int, Completion] = {}
        prompts: dict[int, _Prompt] = {}
        groups: dict[tuple[int, float, tuple[str, ...], bool], list[int]] = {}
        for i, request in enumerate(requests):
            prompt = self._fitting(request)
            spelling = self._spelled(request) if request.choices else None
            if len(prompt.ids) + request.max_tokens > self._context:
                answers[i] = self._too_long(prompt, request.max_tokens)
            elif spelling is not None and spelling.needs > request.max_tokens:
                answers[i] = _no_room(spelling.needs, request.max_tokens)
            else:
                prompts[i] = prompt
                stop = () if spelling else request.stop
                groups.setdefault((request.max_tokens, request.temperature, stop, spelling is None), []).append(i)
        for rows in groups.values():
            rows.sort(key=lambda i: len(prompts[i].ids))  # prompts of like length waste the least padding
            for start in range(0, len(rows), self._batch_size):
                chunk = rows[start : start + self._batch_size]
                batch = self._generate_alike([requests[i] for i in chunk], [prompts[i] for i in chunk])
                answers.update(zip(chunk, batch, strict=True))
        return [answers[i] for i in range(len(requests))]

    def _fitting(self, request: Request) -> _Prompt:
        """The prompt with as many optional passages as the context holds, the least important ones left out."""
        for dropped in range(len(request.optional) + 1):
            text = self._prompt(request.shortened(dropped))
            # not verbose: what is too long is shortened or refused here, transformers need not say so
            ids = self._tokenizer(text, add_special_tokens=self._special, verbose=False)["input_ids"]
            if len(ids) + request.max_tokens <= self._context:
                break
        return _Prompt(ids, dropped)

    def _prompt(self, messages: Sequence[Message]) -> str:
        """The model's own chat template where it has one, else plain labelled paragraphs."""
        turns = [{"role": m.role, "content": m.content} for m in messages]
        if not self._tokenizer.chat_template:
            body = "\n\n".join(f"{m.role.capitalize()}: {m.content}" for m in messages)
            return f"{body}\n\nAssistant:"
        try:
            return self._templated(turns)
        except Exception as error:
            if type(error).__name__ != "TemplateError":  # jinja2's: what `raise_exception` of a template raises
                raise
            return self._templated(_alternating(turns))  # it knows no system role, or wants users and answers in turn

    def _templated(self, turns: Sequence[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    @property
    def _special(self) -> bool:
        """Whether the tokenizer has to begin a prompt with its start mark; a chat template brings its own."""
        return not self._tokenizer.chat_template

    def _spelled(self, request: Request) -> Spelling:
        return self._spelling(request.choices, request.choice_line, request.choice_count)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _generate_alike(self, requests: Sequence[Request], prompts: Sequence[_Prompt]) -> list[Completion]:
        """One call of `generate` for requests that share max_tokens, temperature, stop strings and freedom."""
        first, encoded = requests[0], self._padded(prompts)
        options: dict[str, Any] = {"max_new_tokens": first.max_tokens, "do_sample": False, "use_cache": True}
        constrained = requests if first.choices else ()
        spelled = [self._spelled(request) for request in constrained]
        choosers = [Chooser(spelling, first.max_tokens, self._decode) for spelling in spelled]
        if first.stop and not choosers:
            options |= {"stop_strings": list(first.stop), "tokenizer": self._tokenizer}

        def processors(rows: slice) -> list[Any]:
            made: list[Any] = []
            if first.temperature > 0:
                made.append(self._sampler(first.temperature, [request.seed for request in requests[rows]]))
            if choosers:  # after the sampler: the likeliest of what noise left is a draw among what is allowed
                made.append(ChoiceProcessor(choosers[rows], end_ids(self._model, self._tokenizer)))
            return made

        output = self._run({**encoded, **options}, processors)
        fresh = output[:, encoded["input_ids"].shape[1] :].tolist()
        answers = [self._read(ids, p, first) for ids, p in zip(fresh, prompts, strict=True)]
        for row, chooser in enumerate(choosers):
            answers[row] = replace(answers[row], text=chooser.text(fresh[row]), finish="stop")
        return answers

    def _padded(self, prompts: Sequence[_Prompt]) -> dict[str, Any]:
        """Prompts to the length of the longest, blanks first, and which of their tokens are none."""
        torch = self._torch
        rows = [torch.tensor(prompt.ids) for prompt in prompts]
        together = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True, padding_side="left")
        ids = together(rows, padding_value=self._tokenizer.pad_token_id)
        mask = together([torch.ones_like(row) for row in rows])
        return {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}

    def _run(self, arguments: dict[str, Any], processors: Callable[[slice], list[Any]]) -> Any:
        """The model's `generate`, greedy and with its key-value cache; int64 (rows, length) on the CPU.

        processors: those of the scores of some rows.
        """
        plain = {"pad_token_id": self._tokenizer.pad_token_id, "temperature": None, "top_p": None, "top_k": None}
        try:
            with self._torch.inference_mode():
                return self._model.generate(**arguments, logits_processor=processors(slice(None)), **plain).cpu()
        except self._torch.cuda.OutOfMemoryError as error:
            raise LanguageModelError(
                f"{self.name}: out of memory on {self.device} with {self._batch_size} prompts at once; set "
                "model_options batch_size lower, or dtype to bfloat16"
            ) from error

    def _read(self, ids: list[int], prompt: _Prompt, request: Request) -> Completion:
        """Tokens to text, up to the end mark or the first stop string."""
        ends = end_ids(self._model, self._tokenizer)
        length = next((i for i, token in enumerate(ids) if token in ends), len(ids))
        raw = self._decode(ids[:length])
        text = cut_at_stop(raw, request.stop)
        finish: Finish = "stop" if length < len(ids) or text != raw else "length"
        return Completion(text.strip(), Usage(len(prompt.ids), 0, length, 0), finish, dropped=prompt.dropped)

    def _sampler(self, temperature: float, seeds: Sequence[int | None]) -> Any:
        """A logits processor that turns greedy decoding into sampling, with one generator a row.

        argmax(logits / T + Gumbel noise) is a draw from softmax(logits / T); -log of an exponential is Gumbel.
        """
        torch = self._torch
        generators = [torch.Generator() for _ in seeds]
        for generator, seed in zip(generators, seeds, strict=True):
            if seed is None:
                generator.seed()
            else:
                generator.manual_seed(seed)

        def sample(_ids: Any, scores: Any) -> Any:
            waits = torch.stack([torch.empty(scores.shape[1]).exponential_(generator=g) for g in generators])
            return scores / temperature - waits.log().to(scores.device, scores.dtype)

        return sample

    def _too_long(self, prompt: _Prompt, max_tokens: int) -> Completion:
        needed = f"prompt of {len(prompt.ids)} and answer of {max_tokens} tokens"
        fault = f"context overflow: {needed} exceed the context of {self._context}"
        return Completion("", Usage(len(prompt.ids), 0, 0, 0), "fault", fault, dropped=prompt.dropped)


def _no_room(needed: int, max_tokens: int) -> Completion:
    fault = f"choices too long: they need {needed} tokens, max_tokens is {max_tokens}"
    return Completion("", Usage(0, 0, 0, 0), "fault", fault)


def _spelling(tokenizer: Any) -> Callable[[tuple[str, ...], str, int], Spelling]:
    """How a tokenizer spells some choices, kept. It does not hold the model, which is to go when nobody asks it."""

    @lru_cache(SPELLINGS)
    def spelled(choices: tuple[str, ...], line: str, count: int) -> Spelling:
        return Spelling(choices, line, partial(tokenizer.encode, add_special_tokens=False), count)

    return spelled


def _alternating(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The same words for templates without a system role: it speaks as the user, and neighbours of one role join."""
    joined: list[dict[str, str]] = []
    for turn in turns:
        role = "user" if turn["role"] == "system" else turn["role"]
        if joined and joined[-1]["role"] == role:
            joined[-1] = {"role": role, "content": f"{joined[-1]['content']}\n\n{turn['content']}"}
        else:
            joined.append({"role": role, "content": turn["content"]})
    return joined


def _import_libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise LanguageModelError(
            f"{error.name} is not installed; run: pip install 'longrec[llm]', or do without a language model by "
            "-p model=scripted"
        ) from error
    return torch, transformers


def _load(transformers: Any, path: str, dtype: str | None) -> tuple[Any, Any]:
    """Tokenizer and model. Raises `LanguageModelError` where the weights are not there, damaged or not all there."""
    from safetensors import SafetensorError

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, padding_side="left")
        model, told = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype or "auto", output_loading_info=True
        )
        if absent := sorted(told["missing_keys"]):  # they would be drawn at random
            raise ValueError(f"weights are missing: {', '.join(absent[:3])}")
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise LanguageModelError(
            f"cannot load a causal language model from {path!r} ({_first_line(error)}); give a folder with "
            "config.json, weights and tokenizer, or a hub id that this machine can reach, and a dtype of torch"
        ) from error
    return tokenizer, model


def end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Token ids that end an answer or fill it up: the generation configuration may name several."""
    named = model.generation_config.eos_token_id
    ends = set(named) if isinstance(named, list) else {named}
    return {int(i) for i in ends | {tokenizer.eos_token_id, tokenizer.pad_token_id} if i is not None}


def _fingerprint(folder: Path) -> str:
    """Digest of a folder's files: names, sizes and eight MiB spread over each, so that new weights get a new name.

    Model cards do not count: they change no answer.
    """
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.iterdir() if p.is_file() and p.suffix != ".md"):
        size = file.stat().st_size
        digest.update(f"{file.name}|{size}|".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(SAMPLE_BYTES))
            for n in range(1, SAMPLES if size > SAMPLE_BYTES else 1):
                stream.seek((size - SAMPLE_BYTES) * n // (SAMPLES - 1))
                digest.update(stream.read(SAMPLE_BYTES))
    return f"{folder.name}-{digest.hexdigest()[:16]}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
