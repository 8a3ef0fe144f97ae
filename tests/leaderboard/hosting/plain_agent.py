"""An agent that needs nothing but Python, so that it starts at once, and misbehaves in sessions of certain keys.

`python plain_agent.py DEED KEY ...` does the deed in the second step of each of these sessions; DEED "each" does the
first of `DEEDS` in the first of them, the second in the second, and so on.
"""

from __future__ import annotations

import json
import sys
import time

TOO_MUCH = 2**25
DEEDS = {
    "crash": lambda: sys.exit("out of ideas"),
    "error": lambda: {"type": "error", "message": "I do not know"},
    "memory": lambda: {"type": "error", "message": "MemoryError()", "memory": True},
    "range": lambda: {"type": "actions", "actions": [10**6]},
    "float": lambda: {"type": "actions", "actions": [0.5]},
    "short": lambda: {"type": "actions", "actions": []},
    "other": lambda: {"type": "done"},
    "nonsense": lambda: "{",
    "flood": lambda: "0" * TOO_MUCH,
    "twice": lambda: '{"type":"actions","actions":[0]}\n{"type":"actions","actions":[0]}',
}
WORSE = {
    "hang": lambda: time.sleep(3600),
    "eat": lambda: eat(),
    "fatal": lambda: {"type": "error", "message": "no model answers", "fatal": True},
}


def eat() -> None:
    hoard = []
    while True:
        hoard.append(b"x" * 2**24)
        time.sleep(0.02)


class Plain:
    def __init__(self, deed: str, doomed: list[int]) -> None:
        self.deed, self.doomed, self.items = deed, doomed, 0

    def answer(self, message: dict) -> object:
        if message["type"] == "hello":
            return {"type": "hello", "protocol": 1, "name": "plain", "methods": ["reset", "observe", "describe"]}
        if message["type"] == "reset":
            self.items = len(message["task"]["catalogue"]["titles"])
        if message["type"] == "describe":
            return {"type": "facts", "facts": {"items": self.items}}
        return self.act(message) if message["type"] == "act" else {"type": "done"}

    def act(self, message: dict) -> object:
        rows = list(zip(map(int, message["keys"]), message["steps"], strict=True))
        if self.deed == "always":
            sys.exit(4)
        if caught := [key for key, step in rows if step == 1 and key in self.doomed]:
            deeds = list(DEEDS.values()) if self.deed == "each" else [{**DEEDS, **WORSE}[self.deed]] * len(self.doomed)
            return deeds[self.doomed.index(caught[0])]()
        return {"type": "actions", "actions": [(key + 31 * step) % self.items for key, step in rows]}


if __name__ == "__main__":
    agent = Plain(sys.argv[1], list(map(int, sys.argv[2:])))
    for line in sys.stdin:
        reply = agent.answer(json.loads(line))
        print(reply if isinstance(reply, str) else json.dumps(reply), flush=True)
