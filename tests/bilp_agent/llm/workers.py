"""Models that count their calls, and what other processes do with them; light to import, since each process does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace

from bilp_agent.llm import Completion, Message, Request, Usage
from bilp_agent.llm.cache import AnswerFile, CachedModel, request_key
from bilp_agent.llm.cassette import recording

REQUEST = Request((Message("system", "s"), Message("user", "u")))


class Counts:
    """Answers with the number of the call."""

    name = "counts"

    def __init__(self, finish: str = "stop", offset: int = 0) -> None:
        self.asked, self._finish, self._offset = 0, finish, offset

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        made = []
        for _ in requests:
            self.asked += 1
            fault, text = "broken" if self._finish == "fault" else None, str(self.asked + self._offset)
            made.append(Completion(text, Usage(3, 1, 2), self._finish, fault, retries=1))  # type: ignore[arg-type]
        return made


def fill_cache(path: str, offset: int) -> None:
    """Ask for answers that others ask for too; what the file holds is what everybody has to get."""
    cached = CachedModel(Counts(offset=1000 * offset), path)
    for i in range(40):
        requests = [replace(REQUEST, repeat=(i + j + offset) % 50) for j in range(3)]
        keys = [request_key("counts", request) for request in requests]
        kept = AnswerFile(path).read(keys)
        for key, answer in zip(keys, cached.generate(requests), strict=True):
            assert key not in kept or answer.text == kept[key].text


def record_answers(path: str, offset: int) -> None:
    """Record answers that others record too."""
    model = recording(Counts(offset=1000 * offset), path)
    for i in range(20):
        model.generate([replace(REQUEST, repeat=(i + offset) % 30)])


def side_by_side(work: Callable[[str, int], None], path: str, processes: int) -> list[int | None]:
    """Exit codes of that many processes that do the same work, each from another offset."""
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=work, args=(path, 5 * i)) for i in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    return [worker.exitcode for worker in workers]
