"""What is seen of agents that play: how long decisions take, and what they tell, within bounds and without a trace."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.evaluate.witness import SESSIONS, Onlooker, room_for
from leaderboard.schema import OPTIONAL_FILES, LessonsTold, SessionTold
from leaderboard.transcripts import CUT, LONGEST_LIST, LONGEST_TEXT, from_text, shortened, to_text
from leaderboard.transcripts import read_transcript as read
from recsim_envs.errors import AgentError, SubmissionError
from recsim_envs.spec import Agent, Sessions

ROOM = 2**18  # bytes


class Talker(Agent):
    """Tells what it is told to tell."""

    def __init__(self, told=lambda lane, step: {"thought": f"lane {lane}, step {step}"}, lessons=()):
        self.told, self.written, self.asked = told, lessons, 0

    def explain(self, sessions):
        self.asked += 1
        return [self.told(*pair) for pair in zip(sessions.lanes.tolist(), sessions.steps.tolist(), strict=True)]

    def lessons(self):
        return self.written


def sessions(lanes, step):
    lanes = np.array(lanes)
    return Sessions(lanes=lanes, keys=lanes.astype(np.uint64), steps=np.full(len(lanes), step))


def watched(agent, steps=3, episodes=(0, 1, 7), room=ROOM):
    onlooker = Onlooker(0, 5, room)
    for step in range(steps):
        onlooker.acted(agent, np.array(episodes), sessions([10 + e for e in episodes], step), 0.006)
    return onlooker


def test_the_first_sessions_are_told_of_step_by_step():
    agent = Talker(lessons=[{"text": "a"}])
    *told, lessons = watched(agent).transcript(agent)
    assert [(line.episode, line.training_seed, line.left_out) for line in told] == [(0, 5, 0), (1, 5, 0)]
    assert told[1].steps == tuple({"thought": f"lane 11, step {n}"} for n in range(3))
    assert lessons == LessonsTold(task=0, training_seed=5, told=({"text": "a"},))


def test_a_session_that_is_begun_again_replaces_what_was_told():
    agent = Talker()
    onlooker = watched(agent)
    onlooker.acted(agent, np.array([1]), sessions([40], 0), 0.1)
    told = {line.episode: line.steps for line in onlooker.transcript(agent)}
    assert told[1] == ({"thought": "lane 40, step 0"},)
    assert len(told[0]) == 3


def test_agents_without_words_are_not_asked():
    assert watched(Agent()).transcript(Agent()) == []
    agent = Talker()
    assert watched(agent, room=0).transcript(agent) == []
    assert agent.asked == 0


def test_latency_is_shared_by_those_that_were_served_together():
    onlooker, agent = Onlooker(0, 0, 0), Agent()
    for rows, seconds in ((99, 0.099), (1, 0.05)):
        onlooker.acted(agent, np.arange(rows), sessions(range(rows), 0), seconds)
    latency = onlooker.latency()
    assert (latency.p50, latency.p95, latency.decisions, latency.batch) == (1.0, 1.0, 100, 50.0)
    for _ in range(10):
        onlooker.acted(agent, np.arange(1), sessions([0], 0), 0.05)
    assert onlooker.latency().p95 == pytest.approx(50.0)
    assert Onlooker(0, 0, 0).latency() is None


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (lambda *_: {"value": float("nan")}, "no sequence of JSON objects"),
        (lambda *_: {"value": {1, 2}}, "no sequence of JSON objects"),
        (lambda *_: {"text": chr(0xD800)}, "no sequence of JSON objects"),
        (lambda *_: "text", "no sequence of JSON objects"),
        (lambda *_: {"text": "x" * 100_000}, "65536 are allowed"),
    ],
)
def test_what_is_no_explanation_is_refused(told, message):
    with pytest.raises(AgentError, match=rf"Talker\.explain .*{message}"):
        watched(Talker(told))


def test_one_object_a_row_or_none_at_all():
    class Silent(Talker):
        def explain(self, sessions):
            return []

    class Short(Talker):
        def explain(self, sessions):
            return [{}]

    assert watched(Silent()).transcript(Silent()) == []
    with pytest.raises(AgentError, match=r"Short\.explain returned 1 objects for 2 sessions"):
        watched(Short())
    with pytest.raises(AgentError, match=r"Talker\.lessons returned no sequence"):
        watched(Talker()).transcript(Talker(lessons=5))


def test_what_is_too_long_is_cut_and_said_so():
    told = shortened({"text": "x" * 5_000, "list": list(range(100)), "fine": [1], "deep": [[[[[[1]]]]]]})
    assert len(told["text"]) == LONGEST_TEXT
    assert told["text"].endswith(CUT)
    assert told["list"] == list(range(LONGEST_LIST))
    assert told["cut"] == ["deep", "list", "text"]
    assert shortened({"fine": "x" * LONGEST_TEXT}) == {"fine": "x" * LONGEST_TEXT}


def test_a_transcript_never_outgrows_its_room():
    agent = Talker(lambda *_: {"thought": "x" * 900}, lessons=[{"text": "y" * 900, "number": n} for n in range(300)])
    lines = watched(agent, steps=200, episodes=range(9), room=ROOM).transcript(agent)
    assert len(to_text(lines).encode()) <= ROOM
    assert len(lines) == SESSIONS + 1
    assert all(line.left_out for line in lines)
    assert all(len(line.steps) + line.left_out == 200 for line in lines[:-1])
    assert lines[-1].told[-1]["number"] == 299  # the newest lessons are kept
    assert len(watched(agent, room=2**14).transcript(agent)) == 3  # little room: fewer sessions
    assert 256 * room_for(256) <= OPTIONAL_FILES["transcript.jsonl"]


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.booleans() | st.integers(0, 99) | st.text(),
                       lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3)),
                       max_size=4))  # fmt: skip
def test_lines_are_read_as_they_were_written(told):
    try:
        json.dumps(told, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    line = SessionTold(task=1, training_seed=2, episode=3, steps=(told,), left_out=4)
    assert from_text(to_text([line, line]), "here") == [line, line]


def test_files_that_are_no_transcripts_are_named(tmp_path):
    path = tmp_path / "transcript.jsonl"
    with pytest.raises(SubmissionError, match="does not exist"):
        read(path)
    path.touch()
    assert read(path) == []
    for content, told in (
        (b'{"kind": "session"}\n', "line 1: field session.task"),
        (b'{"kind": "other"}\n', "line 1"),
        (b"\xff\n", "cannot be read"),
        (b"{", "line 1"),
        (b" " * (2**21 + 1), "larger than"),
    ):
        path.write_bytes(content)
        with pytest.raises(SubmissionError, match=rf"transcript\.jsonl.*{told}"):
            read(path)


def test_sessions_have_the_room_that_lessons_leave():
    agent = Talker(lambda *_: {"thought": "x" * 900}, lessons=[{"text": "short"}])
    lines = watched(agent, steps=90, episodes=range(3), room=ROOM).transcript(agent)
    assert [line.left_out for line in lines] == [0, 0, 0, 0]
