"""Training the pocket model: rounds of playing new worlds and of learning what the teacher would have written there.

    python -m bilp_agent.pocket.train --out runs/pocket

One command, the same bits again for the same seed and number of threads on the CPU. A checkpoint is written after each
round; the command given again goes on from there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer
from rich.progress import Progress

from bilp_agent.llm.base import LanguageModel
from bilp_agent.pocket.data import IGNORED, Encoded, batches, encode, thinned
from bilp_agent.pocket.model import make_config, make_model
from bilp_agent.pocket.rollouts import Example, examples_of
from bilp_agent.pocket.tokenizer import train_tokenizer
from bilp_agent.pocket.worlds import world_of
from recsim_envs import rng
from recsim_envs.errors import AgentError
from recsim_envs.worlds.storage import atomic_folder

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CHECKPOINT: Final = "checkpoint"
MODEL: Final = "model"
Watch = Callable[[str, int, int], None]
"""(what is being done, how far, of how much)."""


@dataclass(frozen=True)
class Schedule:
    """How much is played and learned.

    rounds; in each, `worlds` new worlds of `sessions` training sessions are played, of each of which `kept` examples
    join the pool, whose oldest beyond `pool` leave it, and `steps` batches of about `tokens` tokens are learned from
    it. From round `student_from` on, `share` of what is acted on in roll-outs is the student's. learning_rate: the
    highest, after `warm_up` steps; it falls as a cosine to a tenth.
    """

    seed: int = 0
    hidden: int = 160
    layers: int = 5
    rounds: int = 100
    worlds: int = 16
    sessions: int = 30
    kept: int = 400
    pool: int = 60_000
    steps: int = 120
    tokens: int = 8192
    student_from: int = 20
    share: float = 0.7
    learning_rate: float = 2e-3
    warm_up: int = 100
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
    history: list[dict[str, float]]


def train(folder: Path, schedule: Schedule, *, device: str = "cpu", watch: Watch | None = None) -> Path:
    """Train to the end of the schedule, from the checkpoint in `folder` if there is one; the folder of the model.

    Raises `AgentError` for a checkpoint of another schedule.
    """
    tell = watch or (lambda what, done, total: None)
    state = _resumed(folder, schedule, device) if (folder / CHECKPOINT).is_dir() else _begun(schedule, device, tell)
    for number in range(state.round, schedule.rounds):
        state.pool = [*state.pool, *encode(_played(schedule, number, state, device, tell), state.tokenizer)]
        state.pool = state.pool[-schedule.pool :]
        loss = _learned(schedule, number, state, device, tell)
        state.round, state.history = number + 1, [*state.history, {"round": number, "loss": loss}]
        _keep(folder, schedule, state)
    return folder / CHECKPOINT / MODEL


def _begun(schedule: Schedule, device: str, tell: Watch) -> State:
    """Round 0: a tokenizer from the teacher's first roll-outs, a fresh model."""
    numbers = range(4 * schedule.worlds)
    sample: list[Example] = []
    for done, number in enumerate(numbers):
        tell("reading for the tokenizer", done, len(numbers))
        sample += thinned(
            examples_of("tokenizer", number, sessions=schedule.sessions), schedule.kept, _draws(0, number)
        )
    texts = [text for example in sample for text in (example.system, example.user, example.answer)]
    names = [name for number in numbers for name in world_of("tokenizer", number).info.category_names]
    tokenizer = train_tokenizer(texts, names)
    ends = {key: getattr(tokenizer, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = make_config(len(tokenizer), hidden=schedule.hidden, layers=schedule.layers, **ends)
    model = make_model(config, rng.derive_seed("pocket", schedule.seed) % 2**31).to(device)  # type: ignore[arg-type]
    return State(0, model, _optimizer(model, schedule), tokenizer, [], [])


def _optimizer(model: LlamaForCausalLM, schedule: Schedule) -> torch.optim.Optimizer:
    import torch

    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98), fused=True)


def _draws(*counters: int) -> np.random.Generator:
    return np.random.default_rng(rng.derive_seed("pocket draws", *counters))


def _played(schedule: Schedule, number: int, state: State, device: str, tell: Watch) -> list[Example]:
    """The examples of a round's new worlds."""
    student = _student(state, device) if number >= schedule.student_from else None
    found: list[Example] = []
    for done in range(schedule.worlds):
        tell(f"round {number + 1}: playing", done, schedule.worlds)
        world = number * schedule.worlds + done
        played = examples_of(
            f"train {schedule.seed}", world, sessions=schedule.sessions, student=student, share=schedule.share
        )
        found += thinned(played, schedule.kept, _draws(schedule.seed, world))
    return found


def _student(state: State, device: str) -> LanguageModel:
    """The model as it is now, as any language model: written to a folder and read again."""
    from bilp_agent.pocket.decode import PocketModel

    with TemporaryDirectory(prefix="longrec-pocket-") as folder:
        _write_model(state, Path(folder))
        return PocketModel(folder, device=device)


def _write_model(state: State, folder: Path) -> None:
    state.model.save_pretrained(str(folder))
    state.tokenizer.save_pretrained(str(folder))


def _learned(schedule: Schedule, number: int, state: State, device: str, tell: Watch) -> float:
    """One round of updates; the mean loss of an answer's token."""
    import torch

    state.model.train()
    losses = []
    drawn = batches(state.pool, schedule.tokens, schedule.steps, _draws(schedule.seed, number, 1))
    for done, (ids, labels) in enumerate(drawn):
        for group in state.optimizer.param_groups:
            group["lr"] = schedule.rate(number * schedule.steps + done)
        loss = answer_loss(state.model, torch.from_numpy(ids).to(device), torch.from_numpy(labels).to(device))
        state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), 1.0)
        state.optimizer.step()
        losses.append(float(loss.detach()))
        tell(f"round {number + 1}: learning, loss {np.mean(losses[-20:]):.3f}", done, schedule.steps)
    return float(np.mean(losses))


def answer_loss(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens; scores are computed at these alone, which halves the work."""
    import torch

    hidden = model.model(ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    learned = wanted != IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[learned]), wanted[learned])


def _keep(folder: Path, schedule: Schedule, state: State) -> None:
    """Replace the checkpoint as a whole."""
    from safetensors.numpy import save_file as save_arrays
    from safetensors.torch import save_file as save_tensors

    with atomic_folder(folder / CHECKPOINT) as scratch:
        _write_model(state, scratch / MODEL)
        moments = state.optimizer.state_dict()["state"]
        tensors = {f"{n}.{key}": value for n, kept in moments.items() for key, value in kept.items()}
        save_tensors(tensors, str(scratch / "optimizer.safetensors"))
        save_arrays(_packed(state.pool), str(scratch / "pool.safetensors"))
        record = {"schedule": asdict(schedule), "round": state.round, "history": state.history}
        (scratch / "state.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _packed(pool: Sequence[Encoded]) -> dict[str, Any]:
    return {
        "ids": np.concatenate([row.ids for row in pool]),
        "lengths": np.array([len(row.ids) for row in pool], np.int64),
        "starts": np.array([row.start for row in pool], np.int64),
    }


def _resumed(folder: Path, schedule: Schedule, device: str) -> State:
    from safetensors.numpy import load_file as load_arrays
    from safetensors.torch import load_file as load_tensors
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kept = folder / CHECKPOINT
    record = json.loads((kept / "state.json").read_text("utf-8"))
    if record["schedule"] != asdict(schedule):
        differs = [key for key, value in asdict(schedule).items() if record["schedule"].get(key) != value]
        raise AgentError(
            f"{kept} is of another schedule ({', '.join(differs)} differ); give that one, or another --out"
        )
    model = AutoModelForCausalLM.from_pretrained(kept / MODEL).to(device)
    optimizer = _optimizer(model, schedule)
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in load_tensors(str(kept / "optimizer.safetensors"), device=device).items():
        place, _, key = name.partition(".")
        moments.setdefault(int(place), {})[key] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    packed = load_arrays(str(kept / "pool.safetensors"))
    ids = np.split(packed["ids"], np.cumsum(packed["lengths"])[:-1])
    pool = [Encoded(row, int(start)) for row, start in zip(ids, packed["starts"], strict=True)]
    return State(
        record["round"], model, optimizer, AutoTokenizer.from_pretrained(kept / MODEL), pool, record["history"]
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder for checkpoints; the same again goes on from there.")],
    seed: Annotated[int, typer.Option(help="Of weights and worlds.")] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="The learning rate falls over all of them.")] = 100,
    device: Annotated[str, typer.Option(help='Where it learns: "cpu", "cuda".')] = "cpu",
) -> None:
    """Train the pocket language model.

    Example:  python -m bilp_agent.pocket.train --out runs/pocket
    """
    with Progress(*Progress.get_default_columns()) as bar:
        task = bar.add_task("begin", total=None)
        schedule = Schedule(seed=seed, rounds=rounds)
        watch: Watch = lambda what, done, total: bar.update(task, description=what, completed=done, total=total)  # noqa: E731
        model = train(out, schedule, device=device, watch=watch)
    typer.echo(f"model: {model}   next: longrec evaluate billp -p model=hf:{model} -p prompts=compact")


if __name__ == "__main__":
    typer.run(main)
