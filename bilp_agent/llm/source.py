"""Where an agent's language model comes from: named when the agent is made, loaded when it is first asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bilp_agent.llm.base import LanguageModel
from bilp_agent.llm.registry import check_spec, load_model
from recsim_envs.errors import ConfigurationError


class ModelSource:
    """A model by name, with its keyword arguments and the file of its answer cache; see `load_model`.

    model: the loaded one, None until it is asked for. Raises `ConfigurationError` for a name of no known form, and for
    options that have a place of their own.
    """

    def __init__(self, spec: str, cache: str | None = None, options: Mapping[str, Any] | None = None) -> None:
        check_spec(spec)
        self._spec, self._cache, self._options = spec, cache, dict(options or {})
        for option, parameter in (("spec", "model=NAME"), ("cache", "cache=FILE")):
            if option in self._options:
                raise ConfigurationError(f"model_options holds {option}, which has a place beside it: give {parameter}")
        self._cassette: Path | None = None
        self.model: LanguageModel | None = None

    def load(self) -> LanguageModel:
        """The model; the same one whenever it is asked for."""
        if self.model is None:
            model = load_model(self._spec, self._cache, **self._options)
            if self._cassette is not None:
                from bilp_agent.llm.cassette import recording

                model = recording(model, self._cassette)
            self.model = model
        return self.model

    def use_cassette(self, path: Path, *, replay: bool) -> None:
        """Record all answers into a cassette besides, or with `replay` take them from it and ask no model."""
        self.model = None
        if replay:
            self._spec, self._cache, self._options = f"cassette:{path}", None, {}
        else:
            self._cassette = path
