"""What surrounds a session's next recommendation, some of it imagined: the circumstances that hypotheses speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bilp_agent.hypotheses import Circumstances
from bilp_agent.session import Session
from bilp_agent.tools import Tools


@dataclass(frozen=True, eq=False)
class Scene:
    """A session just before its next recommendation: what the circumstances of all items have in common.

    imagined: how many of the steps before are. back, alike: steps back to the latest showing of an item, of a main
    category, within the window. crowd: how often each category occurs in the window.
    """

    session: Session
    tools: Tools
    imagined: int
    back: dict[int, int]
    alike: dict[int, int]
    crowd: Counter[int]

    @classmethod
    def of(cls, session: Session, tools: Tools, window: int, trail: Sequence[int] = ()) -> Scene:
        """The scene after a trail, which are the items imagined to be shown, oldest first.

        Of slates those are looked at that hold the last `window` items.
        """
        steps_back = -(-window // session.slots)
        ahead = session.step + 1 + len(trail)
        imagined = [(len(trail) - place, item) for place, item in enumerate(trail)]
        shown = [(ahead - e.step, e.item) for e in session.since(ahead - 1 - steps_back)]
        near = [(steps, item) for steps, item in (*shown, *imagined) if steps <= steps_back]
        back, alike = dict[int, int](), dict[int, int]()
        for steps, item in reversed(near):
            back.setdefault(item, steps)
            alike.setdefault(tools.main_category(item), steps)
        crowd = Counter(category for _, item in near for category in tools.categories(item))
        return cls(session, tools, len(trail), back, alike, crowd)

    def circumstances(self, item: int) -> Circumstances:
        """What is true of showing `item` next."""
        session, back = self.session, self.back.get(item)
        if back is None and item in session.last_step:
            back = session.step + 1 + self.imagined - session.last_step[item]
        categories = self.tools.categories(item)
        crowded = max(self.crowd[c] for c in categories)
        return Circumstances(back, self.alike.get(categories[0]), crowded, self.tools.expected_reward(session, item))
