"""From a model's short name to a model: "scripted", "pocket", "hf:PATH", "openai:MODEL@URL", "cassette:FILE"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bilp_agent.llm.base import LanguageModel
from bilp_agent.llm.cache import CachedModel
from recsim_envs.errors import ConfigurationError

FORMS = '"scripted", "pocket", "pocket:FOLDER", "hf:FOLDER_OR_HUB_ID", "openai:MODEL@URL" or "cassette:FILE"'


def check_spec(spec: str) -> None:
    """Raise `ConfigurationError` for a model of no known form, or a URL that is none or holds secrets; loads nothing.

    Agents call it when they are made: before anything is recorded of them.
    """
    if not isinstance(spec, str):  # parameters come from files and commands
        raise ConfigurationError(f"model must be a language model's name, got {spec!r}; use {FORMS}")
    kind, _, rest = spec.partition(":")
    if spec not in ("scripted", "pocket") and not (kind in ("hf", "pocket", "openai", "cassette") and rest):
        raise ConfigurationError(f"language model {spec!r} is of no known form; use {FORMS}")
    if kind == "openai":
        from bilp_agent.llm.openai_compatible import check_url

        model, at, url = rest.partition("@")
        if not model or (at and not url):
            raise ConfigurationError(f"an endpoint's model lacks its name or, after the @, its URL; use {FORMS}")
        check_url(url)


def prompts_for(spec: str, asked: str | None = None) -> str:
    """The planner's prompts for a model of this name: those asked for, else what it reads best, "full" or "compact".

    Pocket models learned from compact ones. Raises `ConfigurationError` where the one that comes with longrec is asked
    in full ones: nearly all of its answers would be replaced by fallbacks.
    """
    if spec == "pocket" and asked == "full":
        raise ConfigurationError(
            "pocket reads compact prompts only; leave prompts out, or name a model that reads full ones "
            "(-p model=scripted)"
        )
    if asked is not None:
        return asked
    return "compact" if spec.partition(":")[0] == "pocket" else "full"


def load_model(
    spec: str, cache: str | Path | None = None, record: str | Path | None = None, **options: Any
) -> LanguageModel:
    """Load a language model by name.

    spec: "scripted"; "pocket" for the small Llama that comes with longrec, or with a ":" and the folder of another,
        whose answers are those of "hf:", sooner; "hf:" and a local folder or hub id; "openai:", a model's name and,
        after an "@", the base URL of any OpenAI-compatible endpoint (without it, the provider's own); "cassette:" and
        a file of recorded answers.
    cache: file of an answer cache, made when it does not exist.
    record: file of a cassette, made when it does not exist, into which every answer goes, cached or not.
    options: keyword arguments of the backend's class.

    Raises `ConfigurationError` for an unknown form or option, `LanguageModelError` if the model cannot be loaded.
    """
    try:
        model = _load(spec, options)
    except TypeError as error:
        raise ConfigurationError(f"language model {spec!r}: {error}; see docs/language-models.md") from error
    if cache is not None:
        model = CachedModel(model, cache)
    if record is not None:
        from bilp_agent.llm.cassette import recording

        model = recording(model, record)
    return model


def _load(spec: str, options: dict[str, Any]) -> LanguageModel:
    check_spec(spec)
    kind, _, rest = spec.partition(":")
    if spec == "scripted":
        from bilp_agent.llm.scripted import ScriptedModel

        return ScriptedModel(**options)
    if kind == "pocket":
        from bilp_agent.pocket.decode import WEIGHTS, PocketModel

        return PocketModel(rest or str(WEIGHTS), **options)
    if kind == "hf":
        from bilp_agent.llm.huggingface import HuggingFaceModel

        return HuggingFaceModel(rest, **options)
    if kind == "openai":
        from bilp_agent.llm.openai_compatible import OpenAICompatibleModel

        model, _, url = rest.partition("@")
        return OpenAICompatibleModel(model, url or None, **options)
    from bilp_agent.llm.cassette import CassetteModel

    return CassetteModel(rest, **options)
