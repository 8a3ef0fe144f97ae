"""Cassettes: a recorded run again without its model, and files that cannot be trusted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines.llm.act_only import ActOnlyAgent
from bilp_agent.agent import BiLLPAgent
from bilp_agent.llm import Completion, Message, Request, Usage, can_constrain, load_model
from bilp_agent.llm.cache import CachedModel
from bilp_agent.llm.cassette import Cassette, CassetteModel, _check, cassette_of_cache, pack, recording
from recsim_envs.errors import ConfigurationError, LanguageModelError
from tests.bilp_agent.fakes import Door, kind_world, play
from tests.bilp_agent.llm import workers
from tests.bilp_agent.llm.workers import record_answers, side_by_side

REQUEST = Request((Message("system", "s"), Message("user", "Wie heißt\n du?")), stop=("x",))


class Echo:
    """Answers with the last message and the number of the call; "fault" is one."""

    def __init__(self, name: str = "echo", constrains: bool = False) -> None:
        self.name, self.constrains, self.asked = name, constrains, 0

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.asked += len(requests)
        return [self._answer(r.messages[-1].content) for r in requests]

    def _answer(self, text: str) -> Completion:
        if text == "fault":
            return Completion("", finish="fault", fault="broken")
        return Completion(f"{text} ü {self.asked}", Usage(3, 1, None), "length", retries=1, dropped=2)


def ask(text: str) -> Request:
    return Request((Message("user", text),))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "row.cassette"
    recording(Echo(), path).generate([REQUEST, ask("a"), ask("fault")])
    return path


def test_what_was_recorded_is_replayed(file: Path) -> None:
    model = load_model(f"cassette:{file}")
    answers = model.generate([ask("a"), REQUEST, ask("a")])
    assert answers[0] == answers[2] == Completion("a ü 3", Usage(3, 1, None), "length", from_cache=True, dropped=2)
    assert answers[1].text.startswith("Wie heißt\n du?")
    assert (model.name, model.generate([])) == ("echo", [])
    assert "heißt" not in json.loads(file.read_text().split("\n")[1])["messages"]


def test_no_text_of_a_prompt_is_in_the_file(tmp_path: Path) -> None:
    request = Request((Message("system", "secret rules"), Message("user", "his log")), optional=("his log",))
    path = tmp_path / "row.cassette"
    model = Echo()
    model._answer = lambda text: Completion("yes")  # type: ignore[method-assign]
    recording(model, path).generate([request])
    assert not any(word in path.read_text() for word in ("secret", "log"))
    replay = CassetteModel(path)
    assert replay.generate([request])[0].text == "yes"
    with pytest.raises(LanguageModelError, match="its messages were recorded with other parameters: optional is"):
        replay.generate([replace(request, optional=("log",))])


def test_recording_goes_on_where_it_stopped(file: Path) -> None:
    model = Echo()
    answers = recording(model, file).generate([ask("a"), ask("b"), ask("b")])
    assert (model.asked, [a.from_cache for a in answers]) == (1, [True, False, True])
    with file.open("a") as stream:
        stream.write('{"key": "half a li')
    with pytest.raises(LanguageModelError, match=r"row\.cassette: line 5 is not usable \(the line is cut off\)"):
        CassetteModel(file)
    recording(model, file).generate([ask("c")])  # the half line was never answered for, and goes
    assert len(Cassette(file)) == 4


def test_a_cassette_is_of_one_model(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(LanguageModelError, match="answers of model 'echo', not of 'other'; record into another file"):
        recording(Echo("other"), file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            replace(REQUEST, max_tokens=9, seed=4),
            r"other parameters: max_tokens is 9 and was 256, seed is 4 and was None",
        ),
        (replace(REQUEST, choices=("a",)), r"choice_line is '' and was None, choices is \['a'\] and was None"),
        (replace(REQUEST, repeat=2), "repeat is 2 and was 0"),
        (ask("never\n asked"), r"none of the 2 recorded requests has its messages; the last one begins 'never asked'"),
    ],
)
def test_what_was_not_recorded_is_an_error_that_says_what_differs(file: Path, request_: Request, told: str) -> None:
    with pytest.raises(LanguageModelError, match=rf"row\.cassette: holds no answer of echo to this request: .*{told}"):
        CassetteModel(file).generate([REQUEST, request_])


def test_a_packed_cassette_answers_alike_and_takes_a_quarter_of_the_room(tmp_path: Path) -> None:
    path, packed = tmp_path / "row.cassette", tmp_path / "row.cassette.gz"
    requests = [ask(f"step {i}") for i in range(200)]
    answers = recording(Echo(), path).generate(requests)
    size = pack(path, packed)
    assert size == packed.stat().st_size < path.stat().st_size / 4
    assert [a.text for a in load_model(f"cassette:{packed}").generate(requests)] == [a.text for a in answers]
    pack(path, tmp_path / "again.gz")
    assert (tmp_path / "again.gz").read_bytes() == packed.read_bytes()
    with pytest.raises(LanguageModelError, match="holds no answer"):
        load_model(f"cassette:{packed}").generate([ask("other")])
    with pytest.raises(LanguageModelError, match=r"is packed, so nothing can be recorded .* gzip -d"):
        recording(Echo(), packed)
    with pytest.raises(ConfigurationError, match="exists"):
        pack(path, packed)
    with pytest.raises(ConfigurationError, match="is packed already"):
        pack(packed, tmp_path / "twice.gz")
    with pytest.raises(LanguageModelError, match="cannot write"):
        pack(path, packed / "row.gz")  # which is no folder


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-20], lambda b: b[:200] + b"?" + b[201:], lambda b: b[:1000] + b[1010:]]
)
def test_a_damaged_packed_cassette_is_named(tmp_path: Path, damage: Any) -> None:
    path, packed = tmp_path / "row.cassette", tmp_path / "row.gz"
    recording(Echo(), path).generate([ask(f"step {i}") for i in range(50)])
    pack(path, packed)
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(LanguageModelError, match=r"row\.gz: .*get (it|the cassette) again"):
        load_model(f"cassette:{packed}")


def test_a_cassette_of_a_cache(tmp_path: Path) -> None:
    cache, path = tmp_path / "a.sqlite", tmp_path / "a.cassette"
    CachedModel(Echo(), cache).generate([REQUEST, ask("a"), ask("fault")])
    assert cassette_of_cache(cache, path) == cassette_of_cache(cache, path, "echo") == 2
    assert CassetteModel(path).generate([REQUEST]) == CachedModel(Echo(), cache).generate([REQUEST])
    CachedModel(Echo("two"), cache).generate([REQUEST])
    with pytest.raises(LanguageModelError, match="one of the models whose answers it holds: echo, two"):
        cassette_of_cache(cache, tmp_path / "b.cassette")
    assert not (tmp_path / "b.cassette").exists()
    with pytest.raises(LanguageModelError, match="no such answer cache"):
        cassette_of_cache(tmp_path / "none.sqlite", path)


def test_a_cassette_says_whether_answers_were_constrained(tmp_path: Path) -> None:
    model = recording(Echo(constrains=True), tmp_path / "a")
    assert can_constrain(model)
    model.generate([ask("a")])
    assert not can_constrain(CassetteModel(tmp_path / "a"))
    model.generate([replace(ask("a"), choices=("b",))])
    assert can_constrain(CassetteModel(tmp_path / "a"))


def _edit(line: str, **changes: Any) -> str:
    """A line with other content and the check sum that fits it."""
    record = json.loads(line) | changes
    del record["check"]
    return json.dumps(record | {"check": _check("echo", record)})


HEAD = '{"format": "longrec-cassette", "version": 1, "model": "echo"}'
ANSWER = {"text": "a", "usage": {"input": 1, "cached": 0, "output": 1}, "finish": "stop"}


@pytest.mark.parametrize(
    ("number", "change", "told"),
    [
        (1, lambda _: "[]", "does not say that this is a longrec-cassette"),
        (1, lambda _: "{}", "does not say"),
        (1, lambda _: HEAD.replace('"echo"', "7"), "does not say"),
        (1, lambda _: "\x00\x00", "JSONDecodeError"),
        (1, lambda _: HEAD.replace("echo", "gpt"), "line 2.*check sum"),
        (2, lambda _: "[" * 100_000, "RecursionError|JSONDecodeError"),
        (2, lambda _: "{}", r"fields \[\]"),
        (2, lambda _: "null", "TypeError"),
        (2, lambda line: line.replace("heißt", "heisst").replace("\\u00df", "ss"), "check sum"),
        (3, lambda line: _edit(line, key="../../etc"), "no digest"),
        (3, lambda line: _edit(line, key=7), "no digest"),
        (3, lambda line: _edit(line, parameters=[]), "parameters"),
        (3, lambda line: _edit(line, answer=[]), "TypeError"),
        (3, lambda line: _edit(line, answer=ANSWER | {"text": 5}), "another form"),
        (3, lambda line: _edit(line, answer=ANSWER | {"text": "\ud800"}), "UnicodeEncodeError"),
        (3, lambda line: _edit(line, answer=ANSWER | {"finish": "fault"}), "another form"),
        (3, lambda line: _edit(line, answer=ANSWER | {"usage": {"input": -1, "cached": 0, "output": 1}}), "natural"),
        (3, lambda line: _edit(line, answer=ANSWER | {"usage": {"input": True, "cached": 0, "output": 1}}), "natural"),
        (3, lambda line: _edit(line, answer=ANSWER | {"usage": {"input": 1}}), "another form"),
        (3, lambda line: _edit(line, extra=1), "fields"),
        (3, lambda _: '"' + "x" * (5 << 20) + '"', "too long"),
    ],
)
def test_a_hostile_line_is_refused_by_its_number(file: Path, number: int, change: Any, told: str) -> None:
    lines = file.read_text("utf-8").split("\n")
    lines[number - 1] = change(lines[number - 1])
    file.write_text("\n".join(lines), "utf-8")
    where = "" if "line" in told else f"line {number} is not usable.*"
    with pytest.raises(LanguageModelError, match=rf"row\.cassette: {where}({told})"):
        CassetteModel(file)


def test_the_same_question_is_not_answered_twice(file: Path) -> None:
    lines = file.read_text("utf-8").split("\n")
    file.write_text("\n".join([*lines[:-1], _edit(lines[1], answer=ANSWER), ""]), "utf-8")
    with pytest.raises(LanguageModelError, match=r"line 4 .*answered before"):
        CassetteModel(file)


def test_files_that_are_no_cassettes_are_named(tmp_path: Path, file: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(LanguageModelError, match=r"line 1 .*empty"):
        CassetteModel(tmp_path / "empty")
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(LanguageModelError, match="cannot be opened"):
            CassetteModel(path)
    file.write_text(HEAD.replace("1", "2") + "\n")
    with pytest.raises(LanguageModelError, match=r"of version 2, this longrec reads 1; record it again"):
        CassetteModel(file)


def test_a_packed_file_that_would_fill_memory_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bilp_agent.llm.cassette.LARGEST", file.stat().st_size - 1)
    file.write_bytes(gzip.compress(file.read_bytes()))
    with pytest.raises(LanguageModelError, match=r"line 3 .*larger than"):
        CassetteModel(file)


def test_processes_record_into_one_cassette(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert side_by_side(record_answers, str(path), 3) == [0] * 3
    assert len(CassetteModel(path).generate([replace(workers.REQUEST, repeat=i) for i in range(30)])) == 30


def test_a_whole_agent_again_from_its_cassette(tmp_path: Path) -> None:
    world, played, path = kind_world(), [], tmp_path / "row.cassette"
    for spec, options in (("scripted", {"record": str(path)}), (f"cassette:{path}", {})):
        agent = BiLLPAgent(model=spec, model_options=options, train_lanes=3)
        agent.train(Door(world, 4), 0)
        played.append((play(agent, world, range(3), 3), agent._memories.planner.records))
    assert played[0] == played[1]
    assert agent.describe()["language_model"] == "scripted-v1"
    with pytest.raises(LanguageModelError, match="holds no answer"):
        play(BiLLPAgent(model=f"cassette:{path}", max_tokens=7), world, range(3), 3)


@pytest.mark.parametrize("kind", [BiLLPAgent, ActOnlyAgent])
def test_a_harness_records_and_replays_without_naming_a_parameter(tmp_path: Path, kind: Any) -> None:
    world, played, path = kind_world(), [], tmp_path / "cassette.jsonl"
    for replay in (False, True):
        agent = kind(model="scripted", train_lanes=3) if kind.trains else kind()
        agent.use_cassette(path, replay=replay)
        if kind.trains:
            agent.train(Door(world, 4), 0)
        played.append(play(agent, world, range(3), 3))
        assert agent.describe()["usage"]["calls"] > 0
        assert agent.describe()["language_model"] == "scripted-v1"
    assert played[0] == played[1]
    assert agent.describe()["usage"]["answered_from_cache"] == agent.describe()["usage"]["calls"]
