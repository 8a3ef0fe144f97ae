"""Any OpenAI-compatible endpoint (hosted, vLLM, Ollama, llama.cpp, `transformers serve`) through the openai client."""

from __future__ import annotations

import asyncio
import os
import random
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from bilp_agent.llm.background import Background
from bilp_agent.llm.base import Completion, Finish, Request, Usage, cut_at_stop
from recsim_envs.errors import ConfigurationError, LanguageModelError

TRANSIENT = frozenset({408, 409, 425, 429})  # and every 5xx
REFUSED = frozenset({400, 413, 422})  # this one request is at fault: too long, or filtered
LONGEST_WAIT = 60.0  # seconds; bounds both the back-off and what Retry-After may ask for
GIVEN_UP = " attempts"  # how a fault ends that no further attempt was made to mend
POOL = 8  # connections of one client
LONGEST_TOKEN = 32  # characters a token, on average; a server that writes more has lost count of its tokens
# How OpenAI, vLLM, llama.cpp and text-generation-inference say that a prompt is too long.
_OVERFLOW = re.compile(
    r"context.?(length|size|window)|maximum context|max_new_tokens|prompt is too long", re.IGNORECASE
)


class _TransientError(Exception):
    """An attempt failed in a way that another attempt may mend; `wait` is the server's own wish in seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class _TooLongError(Exception):
    """The prompt does not fit the model's context."""


@dataclass(frozen=True, eq=False)
class _Connection:
    """What belongs to one event loop: clients, and a slot for each request in flight with the client that it uses.

    The latest used slot is taken first: its connection is open.
    """

    clients: Sequence[Any]
    slots: asyncio.LifoQueue[Any]

    async def close(self) -> None:
        """Close all connections."""
        for client in self.clients:
            await client.close()


def check_url(base_url: str, key_variable: str = "OPENAI_API_KEY") -> None:
    """Raise `ConfigurationError` for a URL that is none or has parts that hold secrets; "" is the default endpoint."""
    try:
        parts = urlsplit(base_url)
        whole = not base_url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:  # a port or a bracket that is none
        whole = False
    if any(sign in base_url for sign in "@?#"):
        raise ConfigurationError(
            f"the endpoint's URL holds a name, password or query, which records would show; set {key_variable} instead"
        )
    if not whole:
        raise ConfigurationError(
            f"the endpoint {base_url!r} is no URL that begins with http:// or https://; for a server on this machine "
            'name it as "openai:MODEL@http://localhost:8000/v1"'
        )


class OpenAICompatibleModel:
    """A model behind an HTTP endpoint.

    model: its name there. base_url: the endpoint, for example "http://localhost:8000/v1"; None is the client's
    default. key_variable: environment variable that holds the key; the key itself is never stored, shown or
    logged. concurrency: requests in flight, over all threads that ask. retries: further attempts after a time-out,
    a 408/409/425/429/5xx, a broken or an empty answer. timeout: seconds an attempt may take. backoff: seconds before
    the second attempt; doubles each time, with jitter. Answers do not keep to `Request.choices`.
    """

    constrains = False

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
        check_url(base_url or "", key_variable)
        openai = self._openai = _import_client()
        self._model, self._retries, self._timeout, self._backoff = model, retries, timeout, backoff
        key = os.environ.get(key_variable)
        if not key and base_url is None:
            raise LanguageModelError(
                f"no key for the hosted endpoint: set the environment variable {key_variable}, or name another "
                'endpoint as "openai:MODEL@URL"'
            )
        self._key_variable = key_variable
        self._has_answered = False

        # Retried and timed here: the client's own time-out starts anew with every byte that trickles in.
        settings = {"api_key": key or "none", "base_url": base_url, "timeout": timeout, "max_retries": 0}
        self._url = str(openai.AsyncOpenAI(**settings, http_client=_http_client(openai)).base_url)
        self._background = Background(
            lambda: _connect(openai, settings, self._url, concurrency), lambda connection: connection.close()
        )

    @property
    def name(self) -> str:
        """The prefix "openai:", the model's name there and the endpoint."""
        return f"openai:{self._model}@{self._url}"

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer a batch, `concurrency` at a time.

        Raises `LanguageModelError` if not one could be answered; but where the endpoint has answered before, requests
        that it refuses (too long, filtered) are faults of their own, even if the batch holds no others.
        """
        if not requests:
            return []
        answers = self._background.run(lambda connection: self._answer_all(connection, requests))
        self._has_answered |= any(answer.finish != "fault" for answer in answers)
        given_up = any((answer.fault or "").endswith(GIVEN_UP) for answer in answers)
        if all(answer.finish == "fault" for answer in answers) and (given_up or not self._has_answered):
            raise LanguageModelError(
                f"{self.name} answered none of {len(answers)} requests ({answers[0].fault}); check that the endpoint "
                "is up and its limits, then run the same command again: it resumes"
            )
        return answers

    async def _answer_all(self, connection: _Connection, requests: Sequence[Request]) -> list[Completion]:
        """All at once, in order; what fails for good takes the rest of the batch with it."""
        tasks = [asyncio.ensure_future(self._answer(connection, request)) for request in requests]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, connection: _Connection, request: Request) -> Completion:
        """One request in its slot, shortened by its optional passages until it fits."""
        client = await connection.slots.get()
        try:
            for dropped in range(len(request.optional) + 1):
                try:
                    return replace(await self._persist(client, request, dropped), dropped=dropped)
                except _TooLongError as error:
                    told = f"context overflow: {error}"
        finally:
            connection.slots.put_nowait(client)
        return Completion("", Usage(), "fault", told, dropped=dropped)

    async def _persist(self, client: Any, request: Request, dropped: int) -> Completion:
        """One prompt with its retries."""
        reason = ""
        for attempt in range(self._retries + 1):
            try:
                return replace(await self._attempt(client, request, dropped), retries=attempt)
            except _TransientError as error:
                reason = str(error)
                if attempt < self._retries:
                    delay = self._backoff * 2**attempt * random.uniform(0.5, 1.0)  # spreads retries; changes no result
                    await asyncio.sleep(min(max(delay, error.wait), LONGEST_WAIT))
        fault = f"{reason}, {self._retries + 1}{GIVEN_UP}"
        return Completion("", Usage(), "fault", fault, retries=self._retries)

    async def _attempt(self, client: Any, request: Request, dropped: int) -> Completion:
        """One HTTP exchange. Raises `_TransientError` where another may help, `LanguageModelError` where none will."""
        openai, asked = self._openai, client.chat.completions.create(**self._arguments(request, dropped))
        try:
            return _read(await asyncio.wait_for(asked, self._timeout), request)
        except (openai.APITimeoutError, asyncio.TimeoutError) as error:
            raise _TransientError("timed out") from error
        except openai.APIConnectionError as error:
            raise _TransientError(f"cannot connect to {self._url}") from error
        except openai.APIStatusError as error:
            return self._refused(error)
        except (ValueError, AttributeError, TypeError, KeyError, IndexError, openai.APIError) as error:
            raise _TransientError(f"malformed answer ({type(error).__name__})") from error

    def _refused(self, error: Any) -> Completion:
        """What a status means: another attempt, a shorter prompt, a fault of this request, or the end of the run."""
        told = f"status {error.status_code}: {self._message(error)}"
        if error.status_code in TRANSIENT or error.status_code >= 500:
            raise _TransientError(f"status {error.status_code}", _retry_after(error)) from error
        if error.status_code in REFUSED and _OVERFLOW.search(f"{error.code} {error.type} {error.response.text}"):
            raise _TooLongError(told) from error
        if error.status_code in REFUSED:
            return Completion("", Usage(), "fault", told)
        raise self._permanent(error) from error

    def _arguments(self, request: Request, dropped: int) -> dict[str, Any]:
        messages = [{"role": m.role, "content": m.content} for m in request.shortened(dropped)]
        arguments: dict[str, Any] = {
            "model": self._model,
            # The client looks through `messages` for what to convert, which takes long and finds nothing.
            "messages": [],
            "extra_body": {"messages": messages},
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.stop:
            arguments["stop"] = list(request.stop)
        if request.seed is not None:
            arguments["seed"] = request.seed
        return arguments

    def _message(self, error: Any) -> str:
        """What the endpoint says, in one line; some repeat the key that they were given."""
        told = error.message if isinstance(error.body, dict) and "message" in error.body else error.response.text
        key = os.environ.get(self._key_variable) or "\n"
        return " ".join(str(told).replace(key, "[key]").split())[:160]

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
    longest = LONGEST_TOKEN * request.max_tokens
    finish: Finish = "length" if choice.finish_reason == "length" or len(text) > longest else "stop"
    return Completion(cut_at_stop(text[:longest], request.stop).strip(), _usage(usage), finish)


def _usage(usage: Any) -> Usage:
    """Token counts where the endpoint reports them, None where it does not."""
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        _count(usage, "prompt_tokens"),
        _count(details, "cached_tokens"),
        _count(usage, "completion_tokens"),
        _count(details, "cache_write_tokens"),  # OpenRouter tells it (openrouter.ai/docs, usage accounting)
    )


def _count(record: Any, name: str) -> int | None:
    """A natural number; whatever else an endpoint may report is no measurement."""
    value = getattr(record, name, None)
    return value if type(value) is int and value >= 0 else None


def _retry_after(error: Any) -> float:
    """Seconds that the server asks to wait for, as a number or until a date; 0 if it does not say."""
    asked = error.response.headers.get("retry-after", "0")
    try:
        return max(float(asked), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(asked).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _connect(openai: Any, settings: Mapping[str, Any], url: str, concurrency: int) -> _Connection:
    """Clients for so many requests in flight. A pool looks at all its connections at each request, so it gets few."""
    if url.startswith("https:"):  # a handful of pools would read the certificates as often; the network is slower
        clients = [openai.AsyncOpenAI(**settings)]
    else:
        pools = -(-concurrency // POOL)
        clients = [openai.AsyncOpenAI(**settings, http_client=_http_client(openai)) for _ in range(pools)]
    slots: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
    for number in range(concurrency):
        slots.put_nowait(clients[number % len(clients)])
    return _Connection(clients, slots)


def _http_client(openai: Any) -> Any:
    """A client that trusts no certificate, for endpoints without TLS: reading certificates takes 0.1 s."""
    return openai.DefaultAsyncHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _import_client() -> Any:
    try:
        import openai
    except ImportError as error:
        raise LanguageModelError("openai is not installed; run: pip install 'longrec[llm]'") from error
    return openai
