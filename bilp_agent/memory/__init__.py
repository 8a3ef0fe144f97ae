"""What is learned, as typed records that are found again by the nearness of the state they were made in.

Three memories of one kind: reflections (read by the Planner), judged recommendations (read by the Actor) and
valued states (read by the Critic). Records of the same state share one vector. They are stored as JSON lines.
"""

from bilp_agent.memory.compaction import Caps, bound, compact, merge
from bilp_agent.memory.records import ActorExample, CriticExample, Match, Reflection, records_of
from bilp_agent.memory.scoring import Outcomes, Score, credit, credited, merge_similar, score, weight_by_score
from bilp_agent.memory.store import Memory

__all__ = [
    "ActorExample",
    "Caps",
    "CriticExample",
    "Match",
    "Memory",
    "Outcomes",
    "Reflection",
    "Score",
    "bound",
    "compact",
    "credit",
    "credited",
    "merge",
    "merge_similar",
    "records_of",
    "score",
    "weight_by_score",
]
