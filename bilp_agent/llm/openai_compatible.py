"""Any OpenAI-compatible endpoint (hosted, vLLM, Ollama, llama.cpp, `transformers serve`) through the openai client."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from bilp_agent.llm.base import Completion, Finish, Request, Usage, cut_at_stop
from recsim_envs.errors import ConfigurationError, LanguageModelError

TRANSIENT = frozenset({408, 409, 425, 429})  # and every 5xx
LONGEST_WAIT = 60.0  # seconds; bounds both the back-off and what Retry-After may ask for


class _TransientError(Exception):
    """An attempt failed in a way that another attempt may mend; `wait` is the server's own wish in seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class OpenAICompatibleModel:
    """A model behind an HTTP endpoint.

    model: its name there. base_url: the endpoint, for example "http://localhost:8000/v1"; None is the client's
    default. key_variable: environment variable that holds the key; the key itself is never stored, shown or
    logged. concurrency: requests in flight. retries: further attempts after a time-out, a 408/409/425/429/5xx, a
    broken or an empty answer. timeout: seconds an attempt may take. backoff: seconds before the second attempt;
    doubles each time, with jitter.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        key_variable: str = "OPENAI_API_KEY",
        concurrency: int = 16,
        retries: int = 4,
        timeout: float = 60.0,
        backoff: float = 1.0,
    ) -> None:
        if concurrency < 1 or retries < 0 or timeout <= 0:
            raise ConfigurationError("concurrency must be at least 1, retries at least 0 and timeout above 0")
        self._openai = _import_client()
        self._model, self._concurrency, self._retries, self._backoff = model, concurrency, retries, backoff
        key = os.environ.get(key_variable)
        if not key and base_url is None:
            raise LanguageModelError(
                f"no key for the hosted endpoint: set the environment variable {key_variable}, or name another "
                'endpoint as "openai:MODEL@URL"'
            )
        self._key_variable = key_variable
        self._client = self._openai.OpenAI(
            api_key=key or "none",
            base_url=base_url,
            timeout=timeout,
            max_retries=0,  # retried and counted here
        )
        self._url = str(self._client.base_url)

    @property
    def name(self) -> str:
        """The prefix "openai:", the model's name there and the endpoint."""
        return f"openai:{self._model}@{self._url}"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch, `concurrency` at a time. Raises `LanguageModelError` if not one could be answered."""
        if not requests:
            return []
        with ThreadPoolExecutor(min(self._concurrency, len(requests))) as pool:
            answers = list(pool.map(self._answer, requests))
        if all(answer.finish == "fault" for answer in answers):
            raise LanguageModelError(
                f"{self.name} answered none of {len(answers)} requests ({answers[0].fault}); check that the endpoint "
                "is up and its limits, then run the same command again: it resumes"
            )
        return answers

    def _answer(self, request: Request) -> Completion:
        """One request with its retries."""
        reason = ""
        for attempt in range(self._retries + 1):
            try:
                return replace(self._attempt(request), retries=attempt)
            except _TransientError as error:
                reason = str(error)
                if attempt < self._retries:
                    delay = self._backoff * 2**attempt * random.uniform(0.5, 1.0)  # spreads retries; changes no result
                    time.sleep(min(max(delay, error.wait), LONGEST_WAIT))
        fault = f"{reason}, {self._retries + 1} attempts"
        return Completion("", Usage(), "fault", fault, retries=self._retries)

    def _attempt(self, request: Request) -> Completion:
        """One HTTP exchange. Raises `_TransientError` where another may help, `LanguageModelError` where none will."""
        openai = self._openai
        try:
            response = self._client.chat.completions.create(**self._arguments(request))
            return _read(response, request)
        except openai.APITimeoutError as error:
            raise _TransientError("timed out") from error
        except openai.APIConnectionError as error:
            raise _TransientError(f"cannot connect to {self._url}") from error
        except openai.APIStatusError as error:
            if error.status_code in TRANSIENT or error.status_code >= 500:
                raise _TransientError(f"status {error.status_code}", _retry_after(error)) from error
            if error.status_code in (400, 413, 422):  # this one request is at fault: too long, or filtered
                return Completion("", Usage(), "fault", f"status {error.status_code}: {_message(error)}")
            raise self._permanent(error) from error
        except (ValueError, AttributeError, TypeError, KeyError, IndexError, openai.APIError) as error:
            raise _TransientError(f"malformed answer ({type(error).__name__})") from error

    def _arguments(self, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.stop:
            arguments["stop"] = list(request.stop)
        if request.seed is not None:
            arguments["seed"] = request.seed
        return arguments

    def _permanent(self, error: Any) -> LanguageModelError:
        advice = {
            401: f"set the environment variable {self._key_variable} to a valid key",
            403: f"the key in {self._key_variable} may not use this model",
            404: "check the model's name and the URL (it usually ends in /v1)",
        }.get(error.status_code, "check the endpoint's documentation")
        return LanguageModelError(f"{self.name}: status {error.status_code}; {advice}")


def _read(response: Any, request: Request) -> Completion:
    """The answer in a response; raises `_TransientError` if it is empty, AttributeError and kin if malformed."""
    choice, usage = response.choices[0], response.usage
    text = choice.message.content
    if not isinstance(text, str) or not text.strip():
        raise _TransientError("empty answer")
    finish: Finish = "length" if choice.finish_reason == "length" else "stop"
    return Completion(cut_at_stop(text, request.stop).strip(), _usage(usage), finish)


def _usage(usage: Any) -> Usage:
    """Token counts where the endpoint reports them, None where it does not."""
    if usage is None:
        return Usage()
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        getattr(usage, "prompt_tokens", None),
        getattr(details, "cached_tokens", None),
        getattr(usage, "completion_tokens", None),
    )


def _retry_after(error: Any) -> float:
    try:
        return max(float(error.response.headers.get("retry-after", 0)), 0.0)
    except ValueError:  # the header may hold a date
        return 0.0


def _message(error: Any) -> str:
    return " ".join(str(error.message).split())[:160]


def _import_client() -> Any:
    try:
        import openai
    except ImportError as error:
        raise LanguageModelError("openai is not installed; run: pip install 'longrec[llm]'") from error
    return openai
