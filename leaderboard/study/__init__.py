"""The paper's questions, answered from replayed submissions: `longrec study`. See docs/study/index.md."""
