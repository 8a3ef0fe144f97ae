"""Any causal language model that transformers can load, from a local folder or the hub, on CPU or GPU."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bilp_agent.llm.base import Completion, Finish, Message, Request, Usage, cut_at_stop
from recsim_envs.errors import LanguageModelError

SAMPLE_BYTES = 1 << 20  # of each file, for the fingerprint of a local folder


class HuggingFaceModel:
    """A model of the transformers library.

    path: a folder with a saved model and tokenizer, or a hub id. device: "cpu", "cuda", ... or None to choose.
    dtype: a torch dtype's name, for example "bfloat16"; None keeps the checkpoint's. batch_size: most prompts in
    one forward pass. Greedy answers may differ in late tokens between batch sizes where padding changes the last
    bits of the logits; sampling draws from one generator a request, so that it does not depend on its neighbours.
    """

    def __init__(self, path: str, device: str | None = None, dtype: str | None = None, batch_size: int = 32) -> None:
        torch, transformers = _import_libraries()
        self._torch, self._batch_size = torch, batch_size
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(path, padding_side="left")
            self._model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype or "auto")
        except (OSError, ValueError, KeyError) as error:
            raise LanguageModelError(
                f"cannot load a causal language model from {path!r} ({_first_line(error)}); give a folder with "
                "config.json, weights and tokenizer, or a hub id that this machine can reach"
            ) from error
        self._model.to(self.device).eval()
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        self._context = int(getattr(self._model.config, "max_position_embeddings", 0) or 1 << 30)
        revision = getattr(self._model.config, "_commit_hash", None)
        self._name = f"hf:{_fingerprint(Path(path)) if Path(path).is_dir() else f'{path}@{revision}'}"

    @property
    def name(self) -> str:
        """The prefix "hf:" and the fingerprint of a local folder's content, or a hub id with its commit."""
        return self._name

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch. A prompt that does not fit the model's context comes back as a fault, never cut silently."""
        prompts = [self._prompt(request.messages) for request in requests]
        lengths = [len(ids) for ids in self._tokenizer(prompts, add_special_tokens=False)["input_ids"]]
        answers: dict[int, Completion] = {}
        groups: dict[tuple[int, float, tuple[str, ...]], list[int]] = {}
        for i, (request, length) in enumerate(zip(requests, lengths, strict=True)):
            if length + request.max_tokens > self._context:
                answers[i] = self._too_long(length, request.max_tokens)
            else:
                groups.setdefault((request.max_tokens, request.temperature, request.stop), []).append(i)
        for rows in groups.values():
            rows.sort(key=lambda i: lengths[i])  # prompts of like length waste the least padding
            for start in range(0, len(rows), self._batch_size):
                chunk = rows[start : start + self._batch_size]
                batch = self._generate_alike([requests[i] for i in chunk], [prompts[i] for i in chunk])
                answers.update(zip(chunk, batch, strict=True))
        return [answers[i] for i in range(len(requests))]

    def _prompt(self, messages: Sequence[Message]) -> str:
        """The model's own chat template where it has one, else plain labelled paragraphs."""
        turns = [{"role": m.role, "content": m.content} for m in messages]
        if self._tokenizer.chat_template:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        body = "\n\n".join(f"{m.role.capitalize()}: {m.content}" for m in messages)
        return f"{body}\n\nAssistant:"

    def _generate_alike(self, requests: Sequence[Request], prompts: Sequence[str]) -> list[Completion]:
        """One call of `generate` for requests that share max_tokens, temperature and stop strings."""
        first = requests[0]
        encoded = self._tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
        encoded = encoded.to(self.device)
        encoded.pop("token_type_ids", None)
        options: dict[str, Any] = {"max_new_tokens": first.max_tokens, "do_sample": False}
        if first.temperature > 0:
            options["logits_processor"] = [self._sampler(first.temperature, [request.seed for request in requests])]
        if first.stop:
            options |= {"stop_strings": list(first.stop), "tokenizer": self._tokenizer}
        with self._torch.inference_mode():
            output = self._model.generate(
                **encoded,
                **options,
                pad_token_id=self._tokenizer.pad_token_id,
                temperature=None,
                top_p=None,
                top_k=None,
            )
        fresh = output[:, encoded["input_ids"].shape[1] :].tolist()
        sizes = encoded["attention_mask"].sum(dim=1).tolist()
        return [self._read(ids, int(n), first) for ids, n in zip(fresh, sizes, strict=True)]

    def _read(self, ids: list[int], prompt_tokens: int, request: Request) -> Completion:
        """Tokens to text, up to the end mark or the first stop string."""
        ends = _end_ids(self._model, self._tokenizer)
        length = next((i for i, token in enumerate(ids) if token in ends), len(ids))
        raw = self._tokenizer.decode(ids[:length], skip_special_tokens=True)
        text = cut_at_stop(raw, request.stop)
        finish: Finish = "stop" if length < len(ids) or text != raw else "length"
        return Completion(text.strip(), Usage(prompt_tokens, 0, length), finish)

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

    def _too_long(self, length: int, max_tokens: int) -> Completion:
        needed = f"prompt of {length} and answer of {max_tokens} tokens"
        fault = f"context overflow: {needed} exceed the context of {self._context}"
        return Completion("", Usage(length, 0, 0), "fault", fault)


def _import_libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise LanguageModelError(f"{error.name} is not installed; run: pip install 'longrec[llm]'") from error
    return torch, transformers


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Token ids that end an answer or fill it up: the generation configuration may name several."""
    named = model.generation_config.eos_token_id
    ends = set(named) if isinstance(named, list) else {named}
    return {int(i) for i in ends | {tokenizer.eos_token_id, tokenizer.pad_token_id} if i is not None}


def _fingerprint(folder: Path) -> str:
    """Digest of a folder's files: names, sizes and the first MiB of each, so that new weights get a new name."""
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.iterdir() if p.is_file()):
        digest.update(f"{file.name}|{file.stat().st_size}|".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(SAMPLE_BYTES))
    return f"{folder.name}-{digest.hexdigest()[:16]}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
