"""The questions, one a module, in the order of the index."""

from typing import Final

from leaderboard.study.question import Question
from leaderboard.study.questions import (
    ablations,
    learning,
    long_tail,
    no_repeat,
    planning,
    rivals,
    robustness,
    scarcity,
)

QUESTIONS: Final[tuple[Question, ...]] = (
    planning.QUESTION,
    rivals.QUESTION,
    ablations.QUESTION,
    learning.QUESTION,
    robustness.QUESTION,
    long_tail.QUESTION,
    scarcity.QUESTION,
    no_repeat.QUESTION,
)
