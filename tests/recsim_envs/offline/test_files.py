"""Logs on disk: what is written is read, twice the same bytes, and nothing that is wrong is believed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsim_envs.errors import LogError
from recsim_envs.offline import DatasetSpec, generate, load_log, transitions, write_log
from recsim_envs.offline.files import FACTS, SESSIONS_FILE, STEPS_FILE
from recsim_envs.offline.observations import simulator_of

SPECS = [
    DatasetSpec("longrec/Games-v0", "mixed", sessions=30),
    DatasetSpec("longrec/SlateRerankBored-v0", "epsilon-greedy", sessions=9, epsilon=0.5),
    DatasetSpec("longrec/InterestEvolution-v0", "mixed", sessions=4, seed=2),
    DatasetSpec("longrec/Videos-v0", "popular", sessions=20, options={"protocol": "NX_0", "horizon": 5}),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("logs") / "games"
    write_log(generate(SPECS[0]), path)
    return path


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "copy")


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_what_is_written_is_read(spec, tmp_path):
    log = generate(spec)
    write_log(log, tmp_path / "log")
    found = load_log(tmp_path / "log")
    for name in ("offsets", "actions", "rewards", "propensities", "components", "terminated", "seeds"):
        ours, theirs = getattr(log, name), getattr(found, name)
        assert ours.dtype == theirs.dtype, name
        assert np.array_equal(ours, theirs), name
    assert found.ends.tolist() == log.ends.tolist()
    assert found.facts == log.facts
    assert set(found.starts) == set(log.starts)
    for key, array in log.starts.items():
        assert (found.starts[key].dtype, found.starts[key].tobytes()) == (array.dtype, array.tobytes())
    for one, other in zip(transitions(log), transitions(found), strict=True):
        assert all(np.array_equal(one.observations[k], other.observations[k]) for k in one.observations)


def test_twice_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        write_log(generate(SPECS[0]), tmp_path / name)
    for file in (STEPS_FILE, SESSIONS_FILE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_columns_are_plain_parquet(written):
    table = pq.read_table(written / STEPS_FILE)
    assert table.column_names == [
        "session", "step", "action", "reward", "propensity", "component", "terminated", "truncated", "end",
    ]  # fmt: skip
    last = table.filter(pa.compute.or_(table["terminated"], table["truncated"]))
    assert last.num_rows == 30
    assert "" not in last["end"].to_pylist()
    assert set(table["component"].to_pylist()) <= {"random", "popular", "epsilon-greedy"}
    meta = pq.read_metadata(written / STEPS_FILE)
    assert meta.row_group(0).column(0).compression == "ZSTD"
    facts = json.loads(pq.read_schema(written / STEPS_FILE).metadata[FACTS])
    assert facts["env_id"] == "longrec/Games-v0"
    assert len(facts["fingerprint"]) == len(facts["world_sha256"]) == 64


def test_a_log_is_replaced_and_nothing_else_is(copy, tmp_path):
    log = generate(SPECS[1])
    write_log(log, copy)
    assert load_log(copy).facts["id"] == SPECS[1].id
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex"):
        with pytest.raises(LogError, match="is not replaced"):
            write_log(log, taken)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


def test_a_failed_write_leaves_the_old_log(copy, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    before = load_log(copy)
    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(LogError, match="No space left"):
        write_log(generate(SPECS[1]), copy)
    assert load_log(copy).facts == before.facts
    assert [p.name for p in copy.parent.iterdir() if p.name.startswith(".")] == []


def rewrite(path, file, change):
    table = pq.read_table(path / file, read_dictionary=["component", "end"])
    pq.write_table(change(table), path / file)


def put(name, row, value):
    def change(table):
        column = table[name].to_pylist()
        column[row] = value
        place = table.column_names.index(name)
        kind = table.schema.field(name).type
        plain = pa.string() if pa.types.is_dictionary(kind) else kind
        array = pa.array(column, plain)
        return table.set_column(place, name, array.dictionary_encode() if plain is not kind else array)

    return change


def footer(**changes):
    def change(table):
        facts = json.loads(table.schema.metadata[FACTS]) | changes
        return table.replace_schema_metadata({FACTS: json.dumps({k: v for k, v in facts.items() if v != "gone"})})

    return change


def lists(rows, values):
    return pa.FixedSizeListArray.from_arrays(pa.array(values * rows, pa.float32()), len(values))


def start(key, values):
    def change(table):
        name = f"start_{key}"
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    return change


WRONG = [
    (STEPS_FILE, put("propensity", 3, float("nan")), "row 3, column propensity: nan"),
    (STEPS_FILE, put("propensity", 4, 0.0), "row 4, column propensity"),
    (STEPS_FILE, put("propensity", 4, 1.5), "row 4, column propensity"),
    (STEPS_FILE, put("propensity", 4, None), "column propensity holds nulls"),
    (STEPS_FILE, put("reward", 1, float("inf")), "row 1, column reward"),
    (STEPS_FILE, put("action", 2, 10**6), "row 2, column action"),
    (STEPS_FILE, put("action", 2, -1), "row 2, column action"),
    (STEPS_FILE, put("session", 0, 3), "row 0, column session"),
    (STEPS_FILE, put("step", 0, 7), "row 0, column step"),
    (STEPS_FILE, put("terminated", 0, True), "row 0, column terminated"),
    (STEPS_FILE, put("truncated", 0, True), "row 0, column truncated"),
    (STEPS_FILE, lambda t: t.slice(1), "do not add up"),
    (STEPS_FILE, lambda t: t.drop_columns("reward"), "columns .* are not"),
    (STEPS_FILE, lambda t: t.set_column(3, "reward", t["reward"].cast(pa.float64())), "reward is double, not float"),
    (STEPS_FILE, lambda t: t.set_column(2, "action", t["action"].cast(pa.float32())), "column action is float"),
    (STEPS_FILE, lambda t: t.replace_schema_metadata({}), "no facts of a log"),
    (STEPS_FILE, lambda t: t.replace_schema_metadata({FACTS: b"{"}), "no facts of a log"),
    (STEPS_FILE, footer(seed=9), "are of different logs"),
    (SESSIONS_FILE, footer(env_id=3), "field env_id"),
    (SESSIONS_FILE, footer(components="gone"), "field components"),
    (SESSIONS_FILE, footer(split="test"), "split 'test' does not exist"),
    (SESSIONS_FILE, footer(options={"family": "os:system"}), "must not set family"),
    (SESSIONS_FILE, footer(options={"of": "os:system"}), "must not set of"),
    (SESSIONS_FILE, lambda t: t.drop_columns("start_length"), "column start_length is missing"),
    (SESSIONS_FILE, put("steps", 0, 0), "do not add up"),
    (SESSIONS_FILE, put("steps", 0, -5), "do not add up"),
    (SESSIONS_FILE, put("component", 0, "oracle"), "'oracle' is none of"),
    (SESSIONS_FILE, put("start_history_items", 2, None), "holds nulls"),
    (SESSIONS_FILE, lambda t: t.drop_columns("episode_seed"), "columns .* are not"),
    (SESSIONS_FILE, lambda t: pa.concat_tables([t, t]), "do not add up"),
    (SESSIONS_FILE, footer(id="../../evil"), "id '../../evil' does not exist"),
    (SESSIONS_FILE, footer(policy="greedy"), "policy 'greedy' does not exist"),
    (SESSIONS_FILE, footer(components=[["random"]]), "component 0 .* does not exist"),
    (SESSIONS_FILE, footer(components=["random", "random"]), "component 1 'random' does not exist"),
    (SESSIONS_FILE, footer(parameters={}), "epsilon must be a number"),
    (SESSIONS_FILE, footer(parameters={"epsilon": float("nan")}), "epsilon must be a number"),
    (SESSIONS_FILE, footer(options={"r_min": float("nan")}), "options must be JSON"),
    (SESSIONS_FILE, footer(observations="video"), "observations 'video' does not exist"),
    (SESSIONS_FILE, footer(horizon=0), "horizon must be"),
    (SESSIONS_FILE, footer(horizon=10**12), "horizon must be"),
    (SESSIONS_FILE, footer(num_items=True), "num_items must be"),
    (SESSIONS_FILE, footer(packages="gone"), "field packages"),
    (SESSIONS_FILE, footer(packages={}), "packages must name the version"),
    (SESSIONS_FILE, put("session", 3, 4), "does not count up"),
    (SESSIONS_FILE, put("end", 3, ""), "column end must hold"),
    (SESSIONS_FILE, put("end", 3, "abducted"), "column end: .* cannot be"),
    (STEPS_FILE, put("end", 3, "abducted"), "end 'abducted' is none of"),
    (STEPS_FILE, put("component", 3, "oracle"), "component 'oracle' is none of"),
    (STEPS_FILE, lambda t: t.append_column("reward", t["reward"]), "columns .* are not"),
    (SESSIONS_FILE, lambda t: t.append_column("user", t["session"]), "columns .* are not"),
    (SESSIONS_FILE, lambda t: t.append_column("start_length", t["start_length"]), "columns .* are not"),
    (SESSIONS_FILE, start("session_items", np.zeros(30, np.int32)), "start_session_items .* holds no lists of"),
    (SESSIONS_FILE, start("session_items", ["x"] * 30), "session_items is string, not numbers"),
    (SESSIONS_FILE, start("session_items", [{"a": 1}] * 30), "session_items is struct.*, not numbers"),
    (SESSIONS_FILE, start("session_items", [[1]] * 29 + [[1, 2]]), "session_items is list.*, not numbers"),
    (SESSIONS_FILE, start("history_rewards", lists(30, [0.0, float("nan")])), "holds what is no number"),
    (SESSIONS_FILE, start("history_rewards", lists(30, [0.0, None])), "hold nulls"),
]


@pytest.mark.parametrize(("file", "change", "text"), WRONG)
def test_what_is_wrong_is_named(copy, file, change, text):
    rewrite(copy, file, change)
    with pytest.raises(LogError, match=text):
        load_log(copy)


@pytest.mark.parametrize("facts", [{"horizon": 1}, {"num_items": 2}])
def test_rows_beyond_what_the_footer_says(copy, facts):
    for file in (STEPS_FILE, SESSIONS_FILE):
        rewrite(copy, file, footer(**facts))
    with pytest.raises(LogError, match=r"row .*, column (step|action)"):
        load_log(copy)


@pytest.mark.parametrize("facts", [{"horizon": 71}, {"num_items": 10**6}, {"observations": "replay"}])
def test_a_footer_that_the_environment_contradicts(copy, facts):
    """Actions beyond the catalogue would be looked up by compiled code."""
    for file in (STEPS_FILE, SESSIONS_FILE):
        rewrite(copy, file, footer(**facts))
    with pytest.raises(LogError, match=f"{next(iter(facts))} is {next(iter(facts.values()))} in its footer"):
        simulator_of(load_log(copy), 1)


def test_a_small_file_of_very_many_rows_is_not_unpacked(copy):
    """Lists of 16 million equal numbers a session compress to nothing: they are counted before they are read."""
    table = pq.read_table(copy / SESSIONS_FILE).slice(0, 1)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**24, np.float32)), 2**24)
    bomb = table.append_column("start_bomb", lists)
    pq.write_table(bomb, copy / SESSIONS_FILE, compression="zstd")
    assert (copy / SESSIONS_FILE).stat().st_size < 2**15
    with pytest.raises(LogError, match=r"1 rows, 67.* bytes unpacked, are too many for its size"):
        load_log(copy)


def test_folders_that_cannot_be_read(tmp_path):
    with pytest.raises(LogError, match="choose another folder"):
        write_log(generate(SPECS[0]), tmp_path / "a\0b")
    with pytest.raises(LogError, match="is missing"):
        load_log(tmp_path / "a\0b")


def test_slates_of_another_length(tmp_path):
    write_log(generate(SPECS[1]), tmp_path / "log")
    for file in (STEPS_FILE, SESSIONS_FILE):
        rewrite(tmp_path / "log", file, footer(slate_size=3))
    with pytest.raises(LogError, match=r"column action is .*10.*, not .*3"):
        load_log(tmp_path / "log")


def test_items_where_slates_should_be(copy):
    for file in (STEPS_FILE, SESSIONS_FILE):
        rewrite(copy, file, footer(slate_size=3))
    with pytest.raises(LogError, match="column action is int32, not"):
        load_log(copy)


@pytest.mark.parametrize("file", [STEPS_FILE, SESSIONS_FILE])
def test_a_flipped_byte_is_noticed_or_harmless(written, tmp_path_factory, file):
    """Whatever a byte becomes, the log is read or refused; nothing else is raised, and the process goes on."""
    path = shutil.copytree(written, tmp_path_factory.mktemp("flipped") / "log")
    whole, generator = (path / file).read_bytes(), np.random.default_rng(0)
    refused = 0
    anywhere, in_footer = generator.integers(0, len(whole), 100), len(whole) - 1 - generator.integers(0, 2500, 200)
    for place in (*anywhere.tolist(), *in_footer.tolist()):
        damaged = bytearray(whole)
        damaged[place] = int(generator.integers(256))
        (path / file).write_bytes(damaged)
        try:
            load_log(path)
        except LogError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("file", [STEPS_FILE, SESSIONS_FILE])
def test_missing_and_damaged_files(copy, file):
    whole = (copy / file).read_bytes()
    for content in (b"", b"PAR1", whole[: len(whole) // 2], whole[:-9] + b"\0" * 9):
        (copy / file).write_bytes(content)
        with pytest.raises(LogError, match="truncated, damaged"):
            load_log(copy)
    (copy / file).unlink()
    with pytest.raises(LogError, match="is missing"):
        load_log(copy)
    with pytest.raises(LogError, match=r"is missing|is no log"):
        load_log(copy / "nowhere")
