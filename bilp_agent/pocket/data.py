"""From roll-outs to batches: examples are thinned so that no role and no session drowns the others, and encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bilp_agent.pocket.rollouts import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHARES: Final = {"Planner": 0.28, "Actor": 0.4, "Critic": 0.1, "Reflector": 0.22}
"""Of the examples that are kept, by role; a role that has fewer leaves its place to the others."""
STEP: Final = 16  # tokens that lengths of batches differ by
IGNORED: Final = -100  # label of tokens that are not learned, as in transformers


@dataclass(frozen=True, eq=False)
class Encoded:
    """One example as tokens. ids: int32 (n,), prompt and answer; the answer begins at `start`."""

    ids: NDArray[np.int32]
    start: int


def thinned(examples: Sequence[Example], count: int, generator: np.random.Generator) -> list[Example]:
    """At most so many different examples, drawn within each role, in the order they came in.

    Answers that are given n times are drawn as if they were given sqrt(n) times: the Actor mostly names the first
    candidate, and what is to be learned is when it does not.
    """
    distinct = list(dict.fromkeys(examples))
    kept: list[int] = []
    for role, share in SHARES.items():
        mine = [n for n, example in enumerate(distinct) if example.role == role]
        times = Counter(distinct[n].answer for n in mine)
        weights = np.array([times[distinct[n].answer] ** -0.5 for n in mine])
        size = min(int(share * count), len(mine))
        kept += generator.choice(mine, size, replace=False, p=weights / weights.sum()).tolist() if size else []
    return [distinct[n] for n in sorted(kept)]


def encode(examples: Sequence[Example], tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
    """Examples as the chat template spells them, with the end mark."""
    found = []
    for example in examples:
        turns = [{"role": "system", "content": example.system}, {"role": "user", "content": example.user}]
        prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        answer = tokenizer.encode(example.answer, add_special_tokens=False)
        found.append(Encoded(np.array([*ids, *answer, tokenizer.eos_token_id], np.int32), len(ids)))
    return found


def batches(
    pool: Sequence[Encoded], tokens: int, number: int, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """So many batches of so many tokens at most, each of examples about as long: ids and labels, int64 (b, n).

    Examples are padded on the right by zeros, whose label is `IGNORED`, as is that of all prompt tokens. Lengths are
    multiples of `STEP`, so that shapes recur and with them the kernels that are compiled for a shape.
    """
    order = sorted(range(len(pool)), key=lambda n: len(pool[n].ids))
    for _ in range(number):
        longest = int(generator.integers(len(order)))
        size = max(1, tokens // _rounded(len(pool[order[longest]].ids)))
        yield padded([pool[n] for n in order[max(0, longest + 1 - size) : longest + 1]])


def _rounded(length: int) -> int:
    return -(-length // STEP) * STEP


def padded(rows: Sequence[Encoded]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ids and labels of some examples, int64 (b, n)."""
    width = _rounded(max(len(row.ids) for row in rows))
    ids = np.zeros((len(rows), width), np.int64)
    labels = np.full((len(rows), width), IGNORED, np.int64)
    for n, row in enumerate(rows):
        ids[n, : len(row.ids)] = row.ids
        labels[n, row.start : len(row.ids)] = row.ids[row.start :]
    return ids, labels
