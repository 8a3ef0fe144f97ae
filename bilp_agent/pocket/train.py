"""Training the pocket model: rounds of playing new worlds and of learning what the teacher would have written there.

    python -m bilp_agent.pocket.train --out runs/pocket

One command, the same bits again for the same seed and number of threads on the CPU, however many processes play the
worlds of the next round beside it. A checkpoint is written after each round; the command given again goes on from
there. Matrix products are in bfloat16, attention and weights in float32.
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer
from rich.progress import Progress

from bilp_agent.llm.base import LanguageModel
from bilp_agent.pocket.checkpoint import (
    CHECKPOINT,
    MODEL,
    has_checkpoint,
    read_checkpoint,
    write_checkpoint,
    write_model,
)
from bilp_agent.pocket.data import IGNORED, Encoded, batches, encode, padded, thinned
from bilp_agent.pocket.learning import answer_loss, compute_attention_in_float32, make_optimizer
from bilp_agent.pocket.model import make_config, make_model
from bilp_agent.pocket.rollouts import Example, examples_of
from bilp_agent.pocket.tokenizer import train_tokenizer
from bilp_agent.pocket.worlds import place_of
from recsim_envs import rng
from recsim_envs.processes import end_with_parent

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CHECKED: Final = ("full", "teacher", "no reflections")
LESSONS: Final = (0, 8)  # places of the split "lessons": single items, slates
Watch = Callable[[str, int, int], None]
"""(what is being done, how far, of how much)."""
Players = Callable[..., Iterator[Any]]
"""`map`, or one over processes."""


@dataclass(frozen=True)
class Schedule:
    """How much is played and learned.

    rounds; in each, `worlds` new worlds of `sessions` training sessions are played, of each of which `kept` examples
    join the pool, whose oldest beyond `pool` leave it, and `steps` batches of about `tokens` tokens are learned from
    it. From round `student_from` on, in `student_worlds` of them `share` of what is acted on is the student's, and
    three times as many examples are kept. After every `check` rounds the planner plays `check_worlds` on the student,
    on the teacher and without reflections. learning_rate: the highest, after `warm_up` steps; it falls as a cosine to
    a tenth.
    """

    seed: int = 0
    hidden: int = 160
    layers: int = 6
    rounds: int = 36
    worlds: int = 30
    sessions: int = 30
    kept: int = 240
    pool: int = 60_000
    steps: int = 160
    tokens: int = 8192
    student_from: int = 8
    student_worlds: int = 1
    share: float = 0.7
    check: int = 9
    check_worlds: int = 4
    learning_rate: float = 1.5e-3
    warm_up: int = 200
    weight_decay: float = 0.05

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over all rounds."""
        done = step / max(self.rounds * self.steps, 1)
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up) * (0.55 + 0.45 * math.cos(math.pi * done))


@dataclass(eq=False)
class State:
    """Where training stands: `round` rounds are done."""

    round: int
    model: LlamaForCausalLM
    optimizer: torch.optim.Optimizer
    tokenizer: PreTrainedTokenizerFast
    pool: list[Encoded]
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class Room:
    """Where training runs: the device, processes that play worlds side by side, and what to tell."""

    device: str
    players: Players
    tell: Watch


def train(
    folder: Path, schedule: Schedule, *, device: str = "cpu", workers: int = 0, watch: Watch | None = None
) -> Path:
    """Train to the end of the schedule, from the checkpoint in `folder` if there is one; the folder of the model.

    workers: processes that play worlds, 0 for none but this one; the result is the same for any number. Raises
    `AgentError` for a checkpoint of another schedule or of code that teaches otherwise, and for a damaged one.
    """
    with _players(workers) as players:
        room = Room(device, players, watch or (lambda what, done, total: None))
        state = _resumed(folder, schedule, device) if has_checkpoint(folder) else _begun(schedule, room)
        taught = _taught(schedule, state.round, room)
        for number in range(state.round, schedule.rounds):
            fresh = _played(schedule, number, state, room, taught)
            taught = _taught(schedule, number + 1, room)  # goes on while this round is learned from
            row = {"round": number, "right": right(state, fresh, device)}
            state.pool = [*state.pool, *encode(fresh, state.tokenizer)][-schedule.pool :]
            row["loss"] = _learned(schedule, number, state, room)
            state.round, state.history = number + 1, [*state.history, row]
            if state.round % schedule.check == 0:
                row["check"] = _checked(schedule, state, room)
            _keep(folder, schedule, state)
    return folder / CHECKPOINT / MODEL


@contextmanager
def _players(workers: int) -> Iterator[Players]:
    """A `map` over so many processes, or in this one."""
    if not workers:
        yield map
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=end_with_parent) as pool:
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)


def _begun(schedule: Schedule, room: Room) -> State:
    """Round 0: a tokenizer from the teacher's first roll-outs, a fresh model."""
    numbers = range(4 * schedule.worlds)
    sample: list[Example] = []
    play = partial(_examples, "tokenizer", schedule, "", "cpu")
    for number, found in enumerate(room.players(play, numbers)):
        room.tell("reading for the tokenizer", number, len(numbers))
        sample += thinned(found, schedule.kept, _draws(0, number))
    texts = [text for example in sample for text in (example.system, example.user, example.answer)]
    names = [name for number in numbers for name in place_of("tokenizer", number).task.catalogue.category_names]
    tokenizer = train_tokenizer(texts, names)
    ends = {key: getattr(tokenizer, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = make_config(len(tokenizer), hidden=schedule.hidden, layers=schedule.layers, **ends)
    model = make_model(config, rng.derive_seed("pocket", schedule.seed) % 2**31).to(room.device)  # type: ignore[arg-type]
    compute_attention_in_float32(model)
    return State(0, model, make_optimizer(model, schedule.learning_rate, schedule.weight_decay), tokenizer, [], [])


def _draws(*counters: int) -> np.random.Generator:
    return np.random.default_rng(rng.derive_seed("pocket draws", *counters))


def _worlds(schedule: Schedule, number: int) -> tuple[range, range]:
    """The new worlds of a round: those that the student acts in, and those that the teacher plays alone."""
    students = schedule.student_worlds if number >= schedule.student_from else 0
    first = number * schedule.worlds
    return range(first, first + students), range(first + students, first + schedule.worlds)


def _taught(schedule: Schedule, number: int, room: Room) -> Iterator[list[Example]]:
    """What the teacher writes in a round's worlds; where processes play, they begin at once."""
    worlds = _worlds(schedule, number)[1] if number < schedule.rounds else ()
    return room.players(partial(_examples, f"train {schedule.seed}", schedule, "", room.device), worlds)


def _played(
    schedule: Schedule, number: int, state: State, room: Room, taught: Iterator[list[Example]]
) -> list[Example]:
    """The examples of a round's new worlds, of which the teacher's are being played."""
    mine = _worlds(schedule, number)[0]
    found: list[Example] = []
    with _written(state) as folder:
        acted = room.players(partial(_examples, f"train {schedule.seed}", schedule, folder, room.device), mine)
        for done, played in enumerate(chain(taught, acted)):
            room.tell(f"round {number + 1}: playing", done, schedule.worlds)
            kept = schedule.kept if done < schedule.worlds - len(mine) else 3 * schedule.kept
            found += thinned(played, kept, _draws(schedule.seed, number * schedule.worlds + done))
    return found


@contextmanager
def _written(state: State) -> Iterator[str]:
    """A folder with the model as it is now, to be read as any language model."""
    with TemporaryDirectory(prefix="longrec-pocket-") as folder:
        write_model(Path(folder), state.model, state.tokenizer)
        yield folder


def _examples(split: str, schedule: Schedule, folder: str, device: str, number: int) -> list[Example]:
    """What a worker plays; one thread, so that the same is played wherever it is. folder: the student's, or ""."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        student = _student(folder, device) if folder else None
        return examples_of(split, number, sessions=schedule.sessions, student=student, share=schedule.share)
    finally:
        torch.set_num_threads(threads)


@lru_cache(1)
def _student(folder: str, device: str) -> LanguageModel:
    from bilp_agent.pocket.decode import PocketModel

    return PocketModel(folder, device=device)


def _checked(schedule: Schedule, state: State, room: Room) -> Mapping[str, float]:
    """Mean returns in the closed loop of the student, of the teacher, and of the student without reflections."""
    wanted = [(name, world) for name in CHECKED for world in range(schedule.check_worlds)]
    with _written(state) as folder:
        earned = []
        for done, value in enumerate(room.players(partial(_earned, folder), wanted)):
            room.tell(f"after round {state.round}: trying it", done, len(wanted))
            earned.append(value)
    means = np.reshape(earned, (len(CHECKED), -1)).mean(axis=1)
    return dict(zip(CHECKED, means.tolist(), strict=True))


def _earned(folder: str, wanted: tuple[str, int]) -> float:
    from bilp_agent.pocket.evaluate import outcome, variants

    variant, world = wanted
    return outcome(variants(f"pocket:{folder}")[variant], variant, world, 0, train=20, test=10, split="check").earned


def right(state: State, examples: Sequence[Example], device: str, most: int = 192) -> dict[str, float]:
    """By role, the share of examples not yet learned from whose whole answer is the likeliest, token by token."""
    import torch

    shares = {}
    for role in sorted({example.role for example in examples}):
        mine = [example for example in examples if example.role == role]
        rows = encode(mine[:: -(-len(mine) // most)], state.tokenizer)  # of all places alike
        hits = []
        for start in range(0, len(rows), 32):
            ids, labels = (torch.from_numpy(a).to(device) for a in padded(rows[start : start + 32]))
            with torch.inference_mode():
                foretold = state.model(ids).logits[:, :-1].argmax(dim=2)
            hits += ((foretold == labels[:, 1:]) | (labels[:, 1:] == IGNORED)).all(dim=1).tolist()
        shares[role] = float(np.mean(hits))
    return shares


def _learned(schedule: Schedule, number: int, state: State, room: Room) -> float:
    """One round of updates; the mean loss, see `answer_loss`."""
    import torch

    state.model.train()
    losses = []
    drawn = batches(state.pool, schedule.tokens, schedule.steps, _draws(schedule.seed, number, 1))
    for done, (ids, labels) in enumerate(drawn):
        for group in state.optimizer.param_groups:
            group["lr"] = schedule.rate(number * schedule.steps + done)
        with torch.autocast(torch.device(room.device).type, torch.bfloat16):
            loss = answer_loss(
                state.model, torch.from_numpy(ids).to(room.device), torch.from_numpy(labels).to(room.device)
            )
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), 1.0)
        state.optimizer.step()
        losses.append(float(loss.detach()))
        room.tell(f"round {number + 1}: learning, loss {np.mean(losses[-20:]):.3f}", done, schedule.steps)
    return float(np.mean(losses))


def _keep(folder: Path, schedule: Schedule, state: State) -> None:
    record = {"schedule": _told(schedule), "round": state.round, "history": state.history}
    write_checkpoint(folder, record, state.model, state.tokenizer, state.optimizer, state.pool)


def _resumed(folder: Path, schedule: Schedule, device: str) -> State:
    kept = read_checkpoint(folder, _told(schedule), device)
    compute_attention_in_float32(kept.model)
    optimizer = make_optimizer(kept.model, schedule.learning_rate, schedule.weight_decay)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": kept.moments})
    return State(kept.record["round"], kept.model, optimizer, kept.tokenizer, kept.pool, kept.record["history"])


def _told(schedule: Schedule) -> dict[str, Any]:
    """What a training that goes on must have in common with the one that was killed."""
    return asdict(schedule) | {"lessons": lessons()}


@lru_cache(1)
def lessons() -> str:
    """A digest of what is taught in two places: it is another where prompts, teacher or places are."""
    digest = hashlib.sha256()
    for number in LESSONS:
        digest.update(repr(examples_of("lessons", number, sessions=2)).encode())
    return digest.hexdigest()[:16]


def main(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints; the same again goes on from there.")],
    seed: Annotated[int, typer.Option(help="Of weights and worlds.")] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="The learning rate falls over all of them.")] = Schedule.rounds,
    device: Annotated[str, typer.Option(help='Where it learns: "cpu", "cuda".')] = "cpu",
    workers: Annotated[int, typer.Option(min=0, help="Processes that play worlds beside it.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="That learn; another number gives other bits.")] = 1,
) -> None:
    """Train the pocket language model.

    Example:  python -m bilp_agent.pocket.train --out runs/pocket
    """
    import torch

    torch.set_num_threads(threads)
    with Progress(*Progress.get_default_columns()) as bar:
        task = bar.add_task("begin", total=None)
        schedule = Schedule(seed=seed, rounds=rounds)
        watch: Watch = lambda what, done, total: bar.update(task, description=what, completed=done, total=total)  # noqa: E731
        model = train(out, schedule, device=device, workers=workers, watch=watch)
    typer.echo(f"model: {model}   next: longrec evaluate billp -p model=pocket:{model}")


if __name__ == "__main__":
    typer.run(main)
