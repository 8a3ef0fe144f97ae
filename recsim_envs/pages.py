"""The documentation pages of the environments: what the code says, what the family's docstring says, what was measured.

`longrec envs pages --out docs/environments` writes them. Nothing on them is typed by hand.
"""

from __future__ import annotations

import importlib
import re

import gymnasium
from gymnasium import spaces

from recsim_envs.families import FAMILIES
from recsim_envs.families.base import Simulator
from recsim_envs.gap import PLANNER, RANKED_FROM, Gap
from recsim_envs.ids import NAMESPACE, builtin_ids
from recsim_envs.markets import make_market, registered_markets
from recsim_envs.measured import measured
from recsim_envs.registration import make_simulator

POLICIES = {
    "random": "random",
    "popular": "most popular",
    "myopic": "myopic: best expected reward now",
    "myopic-no-repeat": "myopic without repeats",
    "myopic-views": "myopic on long views",
    "best-cycle": "best fixed cycle",
    "rule-staying": "rule of thumb: the best item now that keeps the user",
    "myopic-return": "myopic on the chance of return",
    "rule-rotation": "rule of thumb: favourite topics in turn",
    "rule-honest": "rule of thumb: fixed quality without clickbait",
    "rule-unlike": "rule of thumb: liked, but unlike each other",
    "rule-varied": "rule of thumb: varied topics",
    "rule-moderate": "rule of thumb: a fixed level of clickbait",
    "rule-quality": "rule of thumb: interest times quality",
    "rule-potential": "rule of thumb: what could be liked",
    PLANNER: "planner (oracle)",
}


def slug(env_id: str) -> str:
    """The page's file name without its ending: "longrec/SlateTopKBored-v0" -> "slate-top-k-bored"."""
    name = env_id.removeprefix(NAMESPACE).rpartition("-v")[0]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def all_pages() -> dict[str, str]:
    """Every page of the package's environments by file name, the index included."""
    pages = {f"{slug(env_id)}.md": page(env_id) for env_id in builtin_ids()}
    pages |= {f"{market_slug(name)}.md": market_page(name) for name in registered_markets()}
    return pages | {"index.md": index()}


def page(env_id: str) -> str:
    """The page of one id, in Markdown."""
    simulator, gap = make_simulator(env_id, 1, split="test"), measured(env_id)
    title, _, rest = family_text(env_id).partition("\n")
    intro, _, body = rest.strip().partition("\n## ")
    parts = [
        f"# {env_id}",
        f"*{title}*",
        intro.strip(),
        attribute_table(env_id, simulator),
        "## Reference scores",
        scores(gap) if gap else "Not measured.",
        "## " + body.strip(),
    ]
    return "\n\n".join(parts) + "\n"


def market_slug(name: str) -> str:
    """The page's file name without its ending: "creator_market_v0" -> "creator-market"."""
    return name.rpartition("_v")[0].replace("_", "-")


def market_page(name: str) -> str:
    """The page of a multi-agent environment, in Markdown."""
    market, gap = make_market(name, 1), measured(name)
    module = type(market).__module__.rpartition(".")[0]
    title, _, rest = (importlib.import_module(module).__doc__ or "").strip().partition("\n")
    intro, _, body = rest.strip().partition("\n## ")
    spec = market.spec
    rows = {
        "import": f"`from recsim_envs import {name}`, then `{name}.parallel_env()` or `{name}.env()`",
        "agents": f"{spec.num_agents}: `{spec.agents[0]}` to `{spec.agents[-1]}`",
        "actions of an agent": f"`{spec.action_space!r}`",
        "observation of an agent": f"{_box(spec.observation_space)}: {', '.join(f'`{f}`' for f in spec.fields)}",
        "reward a round": "{:g} to {:g}".format(*spec.reward_range) + (", shared" if spec.shared_reward else ""),
        "horizon": f"{spec.horizon} rounds",
        "constants": ", ".join(f"`{k}={_value(v)}`" for k, v in market.constants().items()),
    }
    reference = scores(gap, "return of all agents") if gap else "Not measured."
    parts = [f"# {name}", f"*{title}*", intro.strip(), _table(rows), "## Reference scores", reference, "## " + body]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def family_text(env_id: str) -> str:
    """The docstring of the package that holds the family of an id."""
    family = gymnasium.registry[env_id].kwargs["family"]
    module = FAMILIES.get(family, family).partition(":")[0].rpartition(".")[0]
    return (importlib.import_module(module).__doc__ or "").strip()


def attribute_table(env_id: str, simulator: Simulator) -> str:
    """What the code says of the environment."""
    task, options = simulator.task, gymnasium.registry[env_id].kwargs
    name, sha256 = simulator.provenance()
    low, high = task.reward_range
    rows = {
        "make": f'`gymnasium.make("{env_id}")`',
        "action space": _space(task.action_space),
        "observation space": "`Dict`: " + ", ".join(f"`{k}` {_box(s)}" for k, s in task.observation_space.items()),
        "reward a step": f"{low:g} to {high:g}",
        "horizon": f"{task.horizon} steps",
        "options of the id": ", ".join(f"`{k}={v!r}`" for k, v in options.items() if k != "family") or "none",
        "constants": ", ".join(f"`{k}={_value(v)}`" for k, v in simulator.constants().items()),
        "data": f"`{name}` `{sha256[:12]}`" if name != "none" else "none: users and items are drawn",
    }
    return _table(rows)


def _table(rows: dict[str, str]) -> str:
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows.items())


def _space(space: spaces.Space[object]) -> str:
    sizes = space.nvec.tolist() if isinstance(space, spaces.MultiDiscrete) else []
    return f"`MultiDiscrete([{sizes[0]}] * {len(sizes)})`" if len(set(sizes)) == 1 else f"`{space!r}`"


def _box(space: spaces.Space[object]) -> str:
    return f"{space.dtype} {space.shape}"


def _value(value: int | float | str | bool) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def scores(gap: Gap, what: str = "return a session") -> str:
    """The measured scores and the horizon gap."""
    lines = [f"| policy | {what} | steps |", "|---|---|---|"]
    for name in sorted(gap.scores, key=lambda name: list(POLICIES).index(name)):
        value, low, high = gap.scores[name]
        lines.append(f"| {POLICIES[name]} | {value:.4g} [{low:.4g}, {high:.4g}] | {gap.lengths[name]:.1f} |")
    options = "".join(f" --option {key}={value}" for key, value in gap.options.items())
    told = f"{gap.episodes} sessions of test users, the same for all policies; 95 % intervals over users"
    command = f"`longrec envs measure {gap.env_id} --episodes {gap.episodes} --seed {gap.seed}{options}`"
    return "\n".join([*lines, "", verdict(gap), "", f"{told}. Command: {command}."])


def verdict(gap: Gap) -> str:
    """The horizon gap in a sentence, and whether the environment is ranked."""
    value, low, high = (f"{100 * x:.0f} %" for x in gap.gap)
    limit, market = f"{100 * RANKED_FROM:.0f} %", gap.env_id in registered_markets()
    if gap.ranked:
        told = f"From {limit} on a market counts as long-term." if market else "It is ranked."
    else:
        told = f"Below {limit}, so it is **not {'long-term' if market else 'ranked'}**."
    return f"**Horizon gap {value}** [{low}, {high}], against {POLICIES[gap.best_myopic]}. {told}" + _rule(gap)


def _best_rule(gap: Gap) -> tuple[str, float] | None:
    """The best rule of thumb that was made for the dynamics, and the share of the planner's return that it leaves."""
    rules = {name: score.value for name, score in gap.scores.items() if name.startswith("rule-")}
    if not rules:
        return None
    best, plan = max(rules, key=lambda name: rules[name]), gap.scores[PLANNER].value
    return POLICIES[best].removeprefix("rule of thumb: "), max(plan - rules[best], 0.0) / abs(plan)


def _rule(gap: Gap) -> str:
    found = _best_rule(gap)
    if found is None:
        return ""
    return (
        f" Whoever knows the dynamics need not plan afresh, though: the rule of thumb “{found[0]}” comes within "
        f"{100 * found[1]:.0f} % of the planner. Rules made for the dynamics do not count in the gap: they are plans, "
        "thought out once."
    )


def index() -> str:
    """The table of all environments."""
    lines = [
        _INDEX,
        "| environment | family | horizon gap | left by the best rule of thumb | |",
        "|---|---|---|---|---|",
    ]
    for env_id in builtin_ids():
        family = gymnasium.registry[env_id].kwargs["family"].replace("_", " ")
        lines.append(f"| [{env_id}]({slug(env_id)}.md) | {family} | {_figures(env_id)} |")
    lines += [
        "",
        "## Multi-agent (PettingZoo)",
        "",
        "| environment | horizon gap | left by the best rule of thumb | |",
        "|---|---|---|---|",
    ]
    lines += [f"| [{name}]({market_slug(name)}.md) | {_figures(name)} |" for name in registered_markets()]
    return "\n".join([*lines, ""])


def _figures(env_id: str) -> str:
    gap = measured(env_id)
    if gap is None:
        return "not measured | | not ranked"
    value, low, high = (f"{100 * x:.0f}" for x in gap.gap)
    word = "long-term" if env_id in registered_markets() else "ranked"
    rule = _best_rule(gap)
    left = f"{100 * rule[1]:.0f} %: {rule[0]}" if rule else ""
    return f"{value} % [{low}, {high}] | {left} | {word if gap.ranked else f'not {word}'}"


_INDEX = """# Environments

Generated by `longrec envs pages`. The horizon gap is what planning earns over the best policy that does not plan, both
knowing the true user model (`recsim_envs.gap`); below 20 % an environment is not ranked. Beside it stands what the best
rule of thumb made for the dynamics leaves of the planner's return: where that is little, the plan is short, and the
difficulty lies in finding it out, and in knowing the user.
"""
