"""The model that comes with longrec: small, of a standard kind, and readable in every role."""

from __future__ import annotations

import hashlib

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from bilp_agent.agent import BiLLPAgent  # noqa: E402
from bilp_agent.pocket.decode import WEIGHTS  # noqa: E402
from bilp_agent.pocket.evaluate import place_of_family, play, unread  # noqa: E402
from bilp_agent.pocket.rollouts import Playground  # noqa: E402
from recsim_envs.spec import Budget  # noqa: E402


def test_it_is_small_and_any_reader_of_transformers_loads_it() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert sum(file.stat().st_size for file in WEIGHTS.iterdir()) < 15e6
    model, tokenizer = AutoModelForCausalLM.from_pretrained(WEIGHTS), AutoTokenizer.from_pretrained(WEIGHTS)
    assert model.config.vocab_size == len(tokenizer)


def test_the_card_is_of_these_weights() -> None:
    """Whoever puts other weights there has to write another card."""
    digest = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
    assert digest[:16] in (WEIGHTS / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("family", "number"), [("departure", 4), ("slates", 2)])  # of short sessions
def test_the_planner_asks_it_by_default_and_reads_every_role_without_repair(family: str, number: int) -> None:
    torch.set_num_threads(1)
    place = place_of_family(family, "packaged", number)
    agent = BiLLPAgent()
    agent.train(Playground(place, Budget(episodes=4)), 0)
    play(agent, place, 2, 0)
    facts = agent.describe()
    assert facts["training"]["answers"].keys() == {"planner", "actor", "critic", "reflector"}
    assert unread(agent) <= 0.02
    assert agent.describe()["language_model"].startswith("hf:")  # no stand-in
