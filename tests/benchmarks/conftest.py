"""Prints what the benchmarks are for: ratios between things timed in one run, beside their targets."""

from __future__ import annotations

import pytest

from tests.benchmarks.family_speeds import FAMILIES

REWARD_MODELS = ["factors", "deepfm", "gru"]
TRAINED = ["ppo-longrec/LongTermSatisfaction", "ppo-longrec/SingleItemBored", "ppo-longrec/Games"]
TRAINED += ["dqn-longrec/SingleItemBored", "dqn-longrec/Games"]
# name, numerator, denominator, target; None compares with one step a second.
RATIOS = [
    ("vector face, steps a second", "test_vector[longrec/Games-v0]", None, 5e6),
    ("vector face / vectorised CartPole-v1", "test_vector[longrec/Games-v0]", "test_vector[CartPole-v1]", 0.5),
    ("vector face / bare gather", "test_vector[longrec/Games-v0]", "test_gather", 0.1),
    ("scalar face / CartPole-v1, gym.make", "test_scalar[longrec/Games-v0-made]", "test_scalar[CartPole-v1-made]", 1.0),
    (
        "scalar face unwrapped / CartPole-v1, gym.make",
        "test_scalar[longrec/Games-v0-unwrapped]",
        "test_scalar[CartPole-v1-made]",
        1.5,
    ),
    (
        "scalar face / CartPole-v1, both unwrapped",
        "test_scalar[longrec/Games-v0-unwrapped]",
        "test_scalar[CartPole-v1-unwrapped]",
        None,
    ),
    ("evaluation of random / raw stepping", "test_evaluation", "test_raw_stepping", 0.5),
    ("replay, steps a second", "test_replay", None, 2e6),
    ("replay / raw stepping", "test_replay", "test_raw_stepping", None),
    ("ten million items with factors, steps a second", "test_large_world", None, 2e5),
    ("ten million items / bare gather", "test_large_world", "test_large_gather", None),
    *((f"50 thousand items, {m}, steps a second", f"test_reward_model[{m}]", None, 2e5) for m in REWARD_MODELS),
    ("reading a log / bare parse", "test_read_log", "test_bare_parse", None),
    ("making a log, steps a second", "test_make_log[mixed]", None, 1e6),
    ("making a log / raw stepping", "test_make_log[mixed]", "test_raw_stepping", None),
    ("a million memories, queries a second", "test_memory_nearest", None, 200),
    ("a million memories / comparing with all in numpy", "test_memory_nearest", "test_memory_numpy", None),
    ("memories added, a second", "test_memory_add", None, None),
    ("import gymnasium / import recsim_envs", "test_import[recsim_envs]", "test_import[gymnasium]", 0.5),
    *((f"{name}, steps a second", f"test_family[{name}]", None, target) for name, (_, _, target) in FAMILIES.items()),
    *(
        (f"training {t}, native / {way}", f"test_training[{t}-v0-native]", f"test_training[{t}-v0-{way}]", target)
        for way, target in (("usual", 3.0), ("same_policy", None))
        for t in TRAINED
    ),
    *(
        (f"{name} on {d}, a second", f"test_gpu_{name}[{d}]", None, None)
        for name in ("ppo", "dorl")
        for d in ("cpu", "cuda")
    ),
    ("ppo, GPU / processor", "test_gpu_ppo[cuda]", "test_gpu_ppo[cpu]", None),
    ("dorl, GPU / processor", "test_gpu_dorl[cuda]", "test_gpu_dorl[cpu]", None),
    ("creator market, rounds a second", "test_market[creator_market_v0]", None, 1e4),
    ("pocket model, batch 64, generated tokens a second", "test_decoding[ours]", None, 5e3),
    ("pocket model, batch 64 / transformers' generate", "test_decoding[ours]", "test_decoding[generate]", 2.5),
    ("pocket model, batch 64 / reading weights and cache alone", "test_decoding[ours]", "test_memory", None),
    ("100 requests at once / ten by ten", "test_requests[100]", "test_requests[10]", None),
    ("100 users of billp-plus at once / billp ten by ten", "test_users[billp-plus-100]", "test_users[billp-10]", 8.0),
    ("100 users of billp at once / ten by ten", "test_users[billp-100]", "test_users[billp-10]", None),
    ("100 users of billp-plus at once / ten by ten", "test_users[billp-plus-100]", "test_users[billp-plus-10]", None),
    ("answers from a cache, a second", "test_answers_again[cache]", None, None),
    ("answers from a cache / bare digests", "test_answers_again[cache]", "test_bare_digests", None),
    ("answers from a cassette, a second", "test_answers_again[cassette]", None, None),
    ("prompts measured for their prefixes, a second", "test_prefix_share", None, None),
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    # Work a second at the median round of each benchmark that says how much work a round is.
    rates = {
        b.name: b.extra_info["steps"] / b.stats.median
        for b in (session.benchmarks if session else [])
        if "steps" in b.extra_info
    }
    decisions = {
        b.name: b.extra_info["decisions_a_second"]
        for b in (session.benchmarks if session else [])
        if "decisions_a_second" in b.extra_info
    }
    if decisions:
        terminalreporter.section("decisions a second of processor time, 1,024 sessions at once")
        for name, value in sorted(decisions.items(), key=lambda item: -item[1]):
            terminalreporter.write_line(f"{name:40s} {value:>14,.0f}")
    waits = {
        b.name: b.extra_info["seconds of waiting"]
        for b in (session.benchmarks if session else [])
        if "seconds of waiting" in b.extra_info
    }
    if not rates:
        return
    terminalreporter.section("ratios in this run")
    for name, numerator, denominator, target in RATIOS:
        if numerator in rates and (denominator is None or denominator in rates):
            value = rates[numerator] / (rates[denominator] if denominator else 1.0)
            shown = f"{value:,.0f}" if denominator is None else f"{value:.2f}"
            wanted = "" if target is None else f"target {target:,.0f}" if denominator is None else f"target {target:g}"
            if denominator in waits and numerator in waits:
                wanted += f"; waiting alone allows {waits[denominator] / waits[numerator]:.2f}"
            terminalreporter.write_line(f"{name:52s} {shown:>12s}   {wanted}")
