"""`Player`: the agent of one cell, brought to where it can act, and there again where its process failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard import seeds
from leaderboard.ends import CRASHED, OUT_OF_MEMORY, TIMED_OUT
from leaderboard.evaluate.build import simulator_for, training_envs
from leaderboard.evaluate.logs import training_log
from leaderboard.evaluate.simulate import guarded
from leaderboard.hosting.failures import AgentLostError
from leaderboard.hosting.start import end, start_agent
from leaderboard.schema import Lost, Phase, SpentBudget, TrainingPoint, Usage, as_line
from leaderboard.traces import Trace
from leaderboard.usage import told
from recsim_envs.errors import AgentError
from recsim_envs.families.base import Simulator
from recsim_envs.spec import Agent

if TYPE_CHECKING:
    from leaderboard.evaluate.cell import CellSpec, Report


class Player:
    """Implements `leaderboard.evaluate.simulate.Rescue` for a cell. Use as a context: its end is the agent's, too.

    agent: the agent as it is now. spent: what training used; curve: how it went. failure: what was told of the first
    failure of its process, "" without any.

    After `learn` and `reset` the agent can act. Where its process failed, `again` loads what it had learned, if the
    agent saves and loads; else it learns the same once more, from the same seeds and users.
    """

    def __init__(self, spec: CellSpec, report: Report, num_lanes: int) -> None:
        self._spec, self._report, self._num_lanes = spec, report, num_lanes
        self._task = spec.plan.suite.tasks[spec.task]
        self._seed = seeds.agent_seed(spec.plan.seed_name, self._task.env_id, spec.training_seed)
        self.failure = ""
        self.spent = SpentBudget(episodes=0, steps=0)
        self.curve: tuple[TrainingPoint, ...] = ()
        self.agent = self._fresh()

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.agent)

    def _fresh(self) -> Agent:
        plan, answers = self._spec.plan, self._spec.answers
        agent = start_agent(self._spec.agent, plan.agent.parameters, plan.isolation)
        if answers is not None:
            if type(agent).use_cassette is Agent.use_cassette:
                end(agent)
                raise AgentError(f"agent {plan.agent.name!r} can use no cassette: it asks no language model")
            guarded(agent, "use_cassette", lambda: agent.use_cassette(answers.path, replay=answers.replay))
        return agent

    def simulator(self, num_lanes: int) -> Simulator:
        """A simulator of the cell's task, on which nothing runs."""
        return simulator_for(self._task, num_lanes, self._spec.plan.splits[1])

    def learn(self) -> None:
        """Train within the track: from the log, by metered interaction, or not at all; or load what was learned."""
        self._learn()
        if self._keeps():
            self._saved.mkdir(parents=True, exist_ok=True)
            guarded(self.agent, "save", lambda: self.agent.save(self._saved))

    def reset(self) -> None:
        """Get the agent ready to act."""
        spec, agent = self.simulator(1).task, self.agent
        guarded(agent, "reset", lambda: agent.reset(spec, self._num_lanes, self._seed))

    def again(self, error: AgentLostError) -> Agent:
        """As in `Rescue`."""
        self.failure = self.failure or str(error)
        end(self.agent)
        self.agent = self._fresh()
        if self._keeps() and self._saved.is_dir():
            guarded(self.agent, "load", lambda: self.agent.load(self._saved))
        else:
            self._learn()
        self.reset()
        return self.agent

    def lost(self, trace: Trace) -> Lost:
        """What was lost of a trace, by cause, and what was told of the first failure."""
        counts = {cause: int((trace.ends == cause).sum()) for cause in (CRASHED, TIMED_OUT, OUT_OF_MEMORY)}
        crashed, timed_out, out_of_memory = counts.values()
        return Lost(crashed=crashed, timed_out=timed_out, out_of_memory=out_of_memory, told=as_line(self.failure))

    def usage(self, facts: Mapping[str, Any]) -> dict[Phase, Usage]:
        """Usage of language models, as told. What a lost process had counted is not known: no count is whole."""
        return {phase: Usage(model=usage.model) if self.failure else usage for phase, usage in told(facts).items()}

    @property
    def _saved(self) -> Path:
        return self._spec.folder / "learned"

    def _keeps(self) -> bool:
        """Whether what it learns here is kept for a process that is started anew."""
        plan, cls = self._spec.plan, type(self.agent)
        able = cls.save is not Agent.save and cls.load is not Agent.load
        return plan.isolation is not None and plan.learned is None and self._trains and able

    @property
    def _trains(self) -> bool:
        plan = self._spec.plan
        return plan.agent.trains and plan.suite.track != "zero-shot"

    def _learn(self) -> None:
        plan, agent, folder = self._spec.plan, self.agent, self._spec.folder
        if plan.learned is not None:
            from leaderboard.evaluate.learned import taken

            learned = taken(self._spec.path.parents[1], plan.learned)
            guarded(agent, "load", lambda: agent.load(learned))
            self.spent = plan.learned.spent
        elif self._trains:
            folder.mkdir(parents=True, exist_ok=True)
            if plan.agent.learns_from_log:
                self._learn_from_log()
            else:
                self._interact()

    def _learn_from_log(self) -> None:
        plan, number, agent = self._spec.plan, self._spec.task, self.agent
        log = training_log(
            self._task,
            plan.logs[number],
            split=plan.splits[0],
            folder=self._spec.folder,
            progress=lambda done, total: self._report("train, updates", done, total),
        )
        self._report("train, updates", 0, 0)
        guarded(agent, "learn", lambda: agent.learn(log, self._seed))

    def _interact(self) -> None:
        spec, agent = self._spec, self.agent
        allowed = spec.plan.suite.budget
        self._report("train", 0, allowed.episodes or allowed.steps or 0)

        def tell(done: int, earned: float, length: float) -> None:
            done, total = (done, allowed.episodes) if allowed.episodes is not None else (envs.used_steps, allowed.steps)
            self._report(f"train, {recent(earned, length)}", done, total or 0)

        task = self.simulator(1).task
        envs = training_envs(spec.plan, spec.task, spec.training_seed, task, tell, spec.folder)
        guarded(agent, "train", lambda: agent.train(envs, self._seed))
        self.spent = SpentBudget(episodes=envs.used_episodes, steps=envs.used_steps)
        self.curve = envs.curve.points()


def recent(mean_return: float, mean_length: float) -> str:
    """How training goes, in words."""
    return f"return {mean_return:.1f}, Len {mean_length:.1f}"
