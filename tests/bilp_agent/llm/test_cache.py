"""The answer cache, and models by name: nothing is paid twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bilp_agent.llm import Completion, Message, Request, Usage, load_model
from bilp_agent.llm.base import cut_at_stop
from bilp_agent.llm.cache import AnswerFile, CachedModel, request_key
from bilp_agent.llm.scripted import ScriptedModel
from recsim_envs.errors import ConfigurationError, LanguageModelError
from tests.bilp_agent.llm.workers import REQUEST, Counts, fill_cache, side_by_side


def test_the_same_question_is_asked_once(tmp_path: Path) -> None:
    model = Counts()
    cached = CachedModel(model, tmp_path / "new" / "answers.sqlite")
    other = replace(REQUEST, temperature=0.5)
    first = cached.generate([REQUEST, other, REQUEST])
    assert [c.text for c in first] == ["1", "2", "1"]
    assert [c.from_cache for c in first] == [False, False, True]
    again = CachedModel(model, tmp_path / "new" / "answers.sqlite").generate([REQUEST])[0]
    assert (again.text, again.usage, again.from_cache, again.retries) == ("1", Usage(3, 1, 2), True, 0)
    assert model.asked == 2
    assert cached.generate([]) == []


def test_the_key_is_everything_that_matters() -> None:
    others = [
        replace(REQUEST, messages=(Message("system", "s"), Message("user", "v"))),
        replace(REQUEST, max_tokens=1),
        replace(REQUEST, temperature=0.1),
        replace(REQUEST, stop=("x",)),
        replace(REQUEST, seed=1),
        replace(REQUEST, repeat=1),
        replace(REQUEST, choices=("a",)),
        replace(REQUEST, choices=("a",), choice_line="Item"),
        replace(REQUEST, optional=("u",)),
    ]
    keys = {request_key("m", request) for request in [REQUEST, *others]} | {request_key("n", REQUEST)}
    assert len(keys) == 11
    assert request_key("m", replace(REQUEST)) in keys


def test_keys_of_earlier_caches_still_hold() -> None:
    messages = (Message("system", "s"), Message("user", "ü"))
    old = "cdb74a29ff61fdd4a81625a2dcdd3c652df6fdab9879f6aa4a2dba8fca683694"
    assert request_key("m", Request(messages, 7, 0.5, ("a", "b"), 3, 1)) == old
    assert request_key("m", Request(messages)) == "c689ee1630d7e5d85fee65255c2b3b9647825ed62b24774dd7f9accb051a4ada"


def test_what_may_be_left_out_has_to_be_there() -> None:
    request = Request((Message("system", "s t"), Message("user", "u v w v")), optional=("v w ", "w ", "v"))
    assert [m.content for m in request.shortened(1)] == ["s t", "u v"]
    assert [m.content for m in request.shortened(3)] == ["s t", "u "]  # "w " went with the first
    for wrong in ("", "x"):
        with pytest.raises(ConfigurationError, match="optional passage"):
            replace(REQUEST, optional=(wrong,))


def test_faults_are_not_remembered(tmp_path: Path) -> None:
    model = Counts("fault")
    cached = CachedModel(model, tmp_path / "a.sqlite")
    assert [cached.generate([REQUEST])[0].text for _ in range(2)] == ["1", "2"]


def test_a_damaged_or_unwritable_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"this is no database, but long enough to look like a file" * 50)
    with pytest.raises(LanguageModelError, match=r"a\.sqlite cannot be used.*move the file away"):
        CachedModel(Counts(), tmp_path / "a.sqlite")
    with pytest.raises(LanguageModelError, match="writable"):
        CachedModel(Counts(), tmp_path / "a.sqlite" / "b.sqlite")
    cached = CachedModel(Counts(), tmp_path / "c.sqlite")
    cached.generate([REQUEST])
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("UPDATE answers SET answer = '{}'")
    with pytest.raises(LanguageModelError, match="cannot be used"):
        cached.generate([REQUEST])


def test_what_could_not_be_written_locks_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    cached = CachedModel(Counts(), path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON answers BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(LanguageModelError, match="disk full"):
        cached.generate([REQUEST])
    with sqlite3.connect(path, timeout=0) as connection:
        connection.execute("DROP TRIGGER full")
    assert [cached.generate([REQUEST])[0].from_cache for _ in range(2)] == [False, True]


def test_many_processes_share_a_store(tmp_path: Path) -> None:
    path = str(tmp_path / "a.sqlite")
    assert side_by_side(fill_cache, path, 4) == [0] * 4
    assert len(AnswerFile(path)) == 50
    model = Counts()
    CachedModel(model, path).generate([replace(REQUEST, repeat=i) for i in range(50)])
    assert model.asked == 0


def test_threads_share_a_store(tmp_path: Path) -> None:
    model = Counts()
    cached = CachedModel(model, tmp_path / "a.sqlite")
    first = cached.generate([REQUEST])[0]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: cached.generate([replace(REQUEST, repeat=i % 2)])[0], range(8)))
    assert {answer.text for answer in answers[::2]} == {first.text}
    assert len({answer.text for answer in answers[1::2]}) == 1
    assert len(AnswerFile(tmp_path / "a.sqlite")) == 2


def test_an_answer_that_comes_second_gives_way_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"

    class Overtaken(Counts):
        def generate(self, requests: Sequence[Request]) -> list[Completion]:
            CachedModel(Counts(offset=100), path).generate(requests)  # another process is faster
            return super().generate(requests)

    cached = CachedModel(Overtaken(), path)
    assert [cached.generate([REQUEST])[0].text for _ in range(2)] == ["101", "101"]


def test_text_ends_before_the_first_stop_string() -> None:
    assert cut_at_stop("one\ntwo END three", ("END", "\n")) == "one"
    assert cut_at_stop("one", ("", "x")) == "one"


@pytest.mark.parametrize("spec", ["", "gpt-4", "hf:", "openai:", "scripted:x"])
def test_an_unknown_form_of_name_is_refused(spec: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hf:FOLDER_OR_HUB_ID"):
        load_model(spec)


def test_models_are_loaded_by_name(tmp_path: Path) -> None:
    assert isinstance(load_model("scripted"), ScriptedModel)
    cached = load_model("scripted", tmp_path / "a.sqlite")
    assert isinstance(cached, CachedModel)
    assert cached.name == "scripted-v1"
    with pytest.raises(ConfigurationError, match=r"scripted.*takes no arguments"):
        load_model("scripted", temperature=1.0)
