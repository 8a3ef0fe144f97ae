"""`python -m recsim_envs.worlds.models`: a table a reader can check, and errors as messages."""

from __future__ import annotations

from recsim_envs.worlds.models import MODELS
from recsim_envs.worlds.models.__main__ import main
from tests.recsim_envs.worlds.models.planted import planted


def write(path, times=True):
    log = planted("tastes", a_user=12).log
    log = log[log.users < 40]
    head = "user,item,rating" + (",timestamp" if times else "")
    rows = zip(log.users, log.items, log.values, log.times, strict=True)
    path.write_text("\n".join([head, *(",".join(map(str, row[: 4 if times else 3])) for row in rows)]))
    return str(path)


def table(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_every_model_is_in_the_table_for_every_holdout(tmp_path, capsys):
    assert main(["--ratings", write(tmp_path / "r.csv"), "--seeds", "1"]) == 0
    head, _, *rows = table(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [[holdout, name] for holdout in ("time", "random") for name in MODELS]
    assert all(len(row) == len(head) for row in rows)
    assert all(row[2] == row[3] for row in rows if row[1] != "gru")  # only a sequential model reads
    assert all(0 < float(row[k]) < 5 for row in rows for k in (2, 3, 4))


def test_without_times_rows_are_held_out_at_random(tmp_path, capsys):
    assert main(["--ratings", write(tmp_path / "r.csv", times=False), "--seeds", "1"]) == 0
    assert {row[0] for row in table(capsys.readouterr().out)[2:]} == {"random"}


def test_a_file_that_is_not_there_is_a_message(tmp_path, capsys):
    assert main(["--ratings", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err
