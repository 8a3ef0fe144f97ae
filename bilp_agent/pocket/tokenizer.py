"""The pocket model's tokenizer: fixed phrases of the prompts are single tokens, figures go by digits, names by pieces.

What is the same in every prompt carries no information and should cost no computation: whatever stands between names
and numbers, and is frequent, becomes one token. Names are unheard of by design, so they are spelled by byte-level
pieces of a few letters. Everything can be encoded, and decoding gives the text back, byte for byte.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PIECES: Final = 768  # bytes, and pieces of names
PHRASES: Final = 320  # at most
RARE: Final = 2e-4  # phrases in a smaller share of the texts are spelled
_PHRASE: Final = re.compile(r".*?(?:: |\. |\n)|.+")
START, SYSTEM, USER, ASSISTANT, END = "<|start|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
TEMPLATE: Final = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>' }}{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: Sequence[str], names: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer for texts like these. names: all that they say of worlds' categories, longest match first."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    names = sorted(set(names), key=len, reverse=True)
    inner = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    inner.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    inner.train_from_iterator(names, trainer)
    inner.add_tokens([AddedToken(phrase, normalized=False) for phrase in frequent_phrases(texts, names)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=START, eos_token=END, pad_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_max_length=1024,
    )  # fmt: skip


def frequent_phrases(texts: Sequence[str], names: Iterable[str]) -> list[str]:
    """What stands between names and digits in at least a share of the texts, the most frequent first.

    Lines, sentences and colons end a phrase, so that it is learned once and not again with each of its neighbours.
    """
    found = Counter[str]()
    spelled = re.compile("|".join([r"\d+", *(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names)]))
    for text in texts:
        parts = {phrase for part in spelled.split(text) for phrase in _PHRASE.findall(part)}
        found.update(part for part in parts if len(part) > 1)
    least = max(RARE * len(texts), 2)
    return [phrase for phrase, count in found.most_common(PHRASES) if count >= least]
