"""BiLLP: a bi-level planner that learns to recommend for the long term with a language model and memories.

To read it, begin with `agent.py`, which is what a benchmark plays, `mind.py`, a decision, and `learn.py`, a training;
then the roles, one a file: `planner.py`, `actor.py`, `critic.py`, `reflector.py`. What they share: `context.py` (the
task in words), `views.py` (observations), `session.py` (what was seen of a visit), `tools.py` and `toolbox.py` (facts),
`asking.py` (questions in batches), `prompts/`. `memory/` is what is learned, `llm/` are language models behind one
protocol, `plus/` is the second configuration, with `hypotheses.py` and `company.py`, `pocket/` a small language model
and its training.
"""
