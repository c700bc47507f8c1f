"""A file is landed once, a broken file is refused alone, and the current rows follow from the last deliveries."""

import gzip
from contextlib import nullcontext
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.ingest import landing as landing_module
from pipelines.ingest import ledger_writer
from pipelines.ingest.deliveries import (
    current_deliveries,
    read_ledger,
    scan_current_rows,
    scan_quarantine,
)
from pipelines.ingest.delivery_notices import find_new_columns
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.ingest.ledger_writer import LedgerWriter
from pipelines.storage.lake import Lake

TABLE = raw_table("tabular", CANONICAL_SCHEMAS["feedback"])
HEADER = "id,who,mail,skill,kind,score,day,changed"
DAY = date(2025, 7, 1)


def source(**more: Any) -> SourceConfig:
    mapping = {
        "record_code": "id",
        "employee_number": "who",
        "work_email": "mail",
        "skill_text": "skill",
        "feedback_kind": "kind",
        "score_share": {"column": "score", "scale": [1, 5]},
        "occurred_at": "day",
        "changed_at": "changed",
    }
    declared = {"name": "marks", "system": "tabular", "shape": "feedback", "path": "*.csv*", "mapping": mapping}
    return SourceConfig.model_validate({**declared, **more})


def row(code: object, score: object = 4, changed: str = "", **cells: str) -> str:
    cell = {"who": "7", "mail": "", "skill": "sql", "kind": "peer", "day": "2025-02-13", **cells}
    return f"{code},{cell['who']},{cell['mail']},{cell['skill']},{cell['kind']},{score},{cell['day']},{changed}"


def write(folder: Path, name: str, *rows: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n")


def landing(root: Path, **more: Any) -> LandingContext:
    (root / "in").mkdir(exist_ok=True)
    return LandingContext(Lake(root / "lake"), root / "in", DAY, datetime(2025, 7, 1, 3, tzinfo=UTC), **more)


def current(root: Path, declared: SourceConfig | None = None) -> dict[str, float]:
    rows = scan_current_rows(Lake(root / "lake"), TABLE, "feedback", [declared or source()]).collect()
    assert rows["record_code"].is_unique().all()
    return dict(rows.sort("record_code").select("record_code", (pl.col("score_share") * 4 + 1)).iter_rows())


def die(*_: Any) -> int:
    raise KeyboardInterrupt


def test_bad_rows_are_quarantined_with_their_rule_and_good_rows_are_loaded(tmp_path: Path) -> None:
    kinds = {
        "record_code|not_null": lambda i: row(""),
        "record_code|unique": lambda i: row("good1"),
        "skill_text|not_null": lambda i: row(f"a{i}", skill=""),
        "feedback_kind|in_set": lambda i: row(f"b{i}", kind="gossip"),
        "feedback_kind|not_null": lambda i: row(f"c{i}", kind=""),
        "score_share|parses": lambda i: row(f"e{i}", score="good"),
        "occurred_at|parses": lambda i: row(f"f{i}", day="2025-02-30"),
        "work_email|matches": lambda i: row(f"g{i}", mail="nobody at home"),
        "employee_number+work_email+account_code|names_a_person": lambda i: row(f"h{i}", who=""),
    }
    rows = [row(f"good{i}") for i in range(1, 101)]
    for kind in kinds.values():
        rows += [kind(i) for i in range(5)]
    write(tmp_path / "in", "a.csv", *rows)
    (delivery,) = land_source(landing(tmp_path), source())
    # An address that is none costs only itself, as the number identifies the person.
    assert (delivery.status, delivery.good_count, delivery.bad_count) == ("landed", 105, 40)
    bad = scan_quarantine(Lake(tmp_path / "lake"), TABLE, [source()]).collect()
    assert bad.height == 45
    names = bad.explode("failed_rules").group_by("failed_rules").len()
    assert dict(names.iter_rows()) == dict.fromkeys(kinds, 5)
    assert len(current(tmp_path)) == 105
    assert '"feedback_kind":"gossip"' in "".join(bad["row_text"])


def test_a_score_beyond_its_scale_is_the_nearer_end(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row("x", score=9), row("y", score=0), row("z", score=3))
    land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"x": 5, "y": 1, "z": 3}


def test_an_implausible_date_breaks_is_plausible(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row("x", day="1902-05-01"), row("y"))
    land_source(landing(tmp_path), source())
    bad = scan_quarantine(Lake(tmp_path / "lake"), TABLE, [source()]).collect()
    assert bad["failed_rules"].to_list() == [["occurred_at|is_plausible"]]


def test_the_same_bytes_under_another_name_load_no_rows(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row(1), row(2))
    land_source(landing(tmp_path), source())
    write(tmp_path / "in", "b.csv", row(1), row(2))
    ledger = read_ledger(Lake(tmp_path / "lake"))
    assert [landed.status for landed in land_source(landing(tmp_path), source())] == ["already_landed"] * 2
    assert read_ledger(Lake(tmp_path / "lake")).equals(ledger)
    assert current(tmp_path) == {"1": 4, "2": 4}


def test_a_corrected_file_supersedes_rows_by_key_and_keeps_the_others(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row(1), row(2))
    land_source(landing(tmp_path), source())
    write(tmp_path / "in", "b.csv", row(2, score=1), row(3, score=2))
    land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"1": 4, "2": 1, "3": 2}


def test_a_late_file_does_not_undo_a_later_change(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row(1, score=5, changed="2025-03-02"))
    land_source(landing(tmp_path), source())
    write(tmp_path / "in", "b.csv", row(1, score=1, changed="2025-03-01"))
    land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"1": 5}


def test_a_full_export_replaces_the_one_before_it(tmp_path: Path) -> None:
    full = source(delivery="full", floor_share=0.5)
    write(tmp_path / "in", "a.csv", row(1), row(2))
    land_source(landing(tmp_path), full)
    write(tmp_path / "in", "b.csv", row(2))
    land_source(landing(tmp_path), full)
    assert current(tmp_path, full) == {"2": 4}


def test_a_full_export_that_returns_to_an_earlier_content_is_current_again(tmp_path: Path) -> None:
    full = source(delivery="full")
    for score in (4, 1, 4):
        write(tmp_path / "in", "a.csv", row(1, score=score))
        land_source(landing(tmp_path), full)
        assert current(tmp_path, full) == {"1": score}
    before = read_ledger(Lake(tmp_path / "lake"))
    land_source(landing(tmp_path), full)
    assert read_ledger(Lake(tmp_path / "lake")).equals(before)
    assert before["delivery_status"].to_list() == ["landed", "landed", "already_landed"]


def test_a_shrunken_full_export_is_refused_with_both_row_counts_and_the_last_one_stays_current(tmp_path: Path) -> None:
    full = source(delivery="full")
    write(tmp_path / "in", "a.csv", *(row(i) for i in range(10)))
    land_source(landing(tmp_path), full)
    write(tmp_path / "in", "a.csv", *(row(i) for i in range(7)))
    for _ in range(2):
        (refused,) = land_source(landing(tmp_path), full)
        assert refused.status == "refused"
    assert refused.reason == (
        "a.csv: 7 good rows; the last good export had 10; the floor is 80%: check the export, or land it with "
        "--allow-row-count-drop"
    )
    assert read_ledger(Lake(tmp_path / "lake"))["delivery_status"].to_list() == ["landed", "refused"]
    assert len(current(tmp_path, full)) == 10
    assert land_source(landing(tmp_path, allow_row_count_drop=True), full)[0].status == "landed"
    assert len(current(tmp_path, full)) == 7


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "b.csv is empty (0 bytes)"),
        (HEADER.encode(), "b.csv: it holds a header and no row"),
        (gzip.compress("\n".join([HEADER, *(row(i) for i in range(500))]).encode())[:-30], "b.csv is cut off"),
        (f"{HEADER}\n{row(1, skill='caf')}\x81\x8d".encode("latin-1"), "b.csv is none of utf-8, utf-16, windows-1252"),
        (b"nr,wer\n1,2\n", "b.csv has no column id"),
        (b"<!DOCTYPE html><html>please sign in</html>", "b.csv is a web page"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence_and_the_others_are_landed(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    write(tmp_path / "in", "a.csv", row(1))
    (tmp_path / "in" / "b.csv").write_bytes(content)
    write(tmp_path / "in", "c.csv", row(3))
    outcomes = land_source(landing(tmp_path), source())
    assert [landed.status for landed in outcomes] == ["landed", "refused", "landed"]
    assert outcomes[1].reason is not None
    assert outcomes[1].reason.startswith(reason)
    assert "\n" not in outcomes[1].reason
    assert current(tmp_path) == {"1": 4, "3": 4}
    assert not list((tmp_path / "lake").rglob("*.unfinished"))


def test_a_file_that_is_refused_again_takes_no_delivery_number_of_another(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("nr,wer\n1,2\n")
    land_source(landing(tmp_path), source())
    for position, name in enumerate(("b.csv", "c.csv", "d.csv"), start=1):
        write(tmp_path / "in", name, row(position))
    land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"1": 4, "2": 4, "3": 4}
    assert read_ledger(Lake(tmp_path / "lake"))["file_name"].to_list() == ["a.csv", "b.csv", "c.csv", "d.csv"]


def test_files_that_were_landed_before_an_unforeseen_error_are_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", "a.csv", row(1))
    write(tmp_path / "in", "b.csv", row(2))
    read_file = landing_module._read_file

    def break_at_second(*arguments: Any) -> landing_module.LandedFile:
        return die() if arguments[-1].path.name == "b.csv" else read_file(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(landing_module, "_read_file", break_at_second)
        with pytest.raises(KeyboardInterrupt):
            land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"1": 4}
    assert [landed.status for landed in land_source(landing(tmp_path), source())] == ["already_landed", "landed"]


def test_a_killed_landing_of_many_files_keeps_those_that_the_ledger_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_writer, "MAX_UNWRITTEN_ROWS", 2)
    # nothing is written at the end of a process that is killed
    monkeypatch.setattr(landing_module, "_writing_ledger", lambda lake: nullcontext(LedgerWriter(lake)))
    for position, name in enumerate(("a.csv", "b.csv", "c.csv"), start=1):
        write(tmp_path / "in", name, row(position))
    land_source(landing(tmp_path), source())
    assert current(tmp_path) == {"1": 4, "2": 4}


def test_the_refusal_of_a_damaged_parquet_file_shows_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "in" / "a.csv"
    path.parent.mkdir()
    cells = {
        "id": ["1"],
        "who": ["7"],
        "mail": [None],
        "skill": ["sql"],
        "kind": ["peer"],
        "score": ["4"],
        "day": ["2025-02-13"],
        "changed": [None],
    }
    pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String)).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:20] + whole[60:])
    (refused,) = land_source(landing(tmp_path), source())
    assert (refused.status, refused.reason) == (
        "refused",
        "a.csv cannot be read to its end (ComputeError): copy or export it again",
    )


def test_a_changed_mapping_reads_the_file_again_and_the_old_reading_is_current_when_the_mapping_returns(
    tmp_path: Path,
) -> None:
    other = source(mapping={**source().mapping, "score_share": {"column": "score", "scale": [0, 10]}})
    write(tmp_path / "in", "a.csv", row(1, score=4))
    land_source(landing(tmp_path), source())
    assert land_source(landing(tmp_path), other)[0].status == "landed"
    assert current(tmp_path, other) == {"1": pytest.approx(0.4 * 4 + 1)}
    assert land_source(landing(tmp_path), source())[0].status == "already_landed"
    assert current(tmp_path) == {"1": 4}


def test_reading_files_again_does_not_change_their_order(tmp_path: Path) -> None:
    write(tmp_path / "in", "z.csv", row(1, score=1))
    land_source(landing(tmp_path), source())
    write(tmp_path / "in", "a.csv", row(1, score=5))
    land_source(landing(tmp_path), source())
    other = source(time_zone="Europe/Berlin")
    assert [landed.status for landed in land_source(landing(tmp_path), other)] == ["landed", "landed"]
    assert current(tmp_path, other) == {"1": 5}
    assert current_deliveries(Lake(tmp_path / "lake"), other)["file_name"].to_list() == ["z.csv", "a.csv"]


def test_a_landing_killed_before_its_ledger_row_has_no_current_rows_and_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in", "a.csv", row(1))
    with monkeypatch.context() as patch:
        patch.setattr(landing_module, "_record_delivery", die)
        with pytest.raises(KeyboardInterrupt):
            land_source(landing(tmp_path), source())
    assert current(tmp_path) == {}
    assert land_source(landing(tmp_path), source())[0].status == "landed"
    assert current(tmp_path) == {"1": 4}
    assert len(list((tmp_path / "lake" / TABLE.name).rglob("*.parquet"))) == 1


def test_a_landing_killed_while_writing_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "in", "a.csv", row(1))

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        land_source(landing(tmp_path), source())
    assert not [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]


def test_files_outside_the_landing_folder_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "secret", "s.csv", row("secret"))
    write(tmp_path / "in", ".hidden.csv", row("hidden"))
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "secret" / "s.csv")
    (tmp_path / "in" / "way").symlink_to(tmp_path / "secret")
    for pattern in ("*", "**/*.csv", "way/*.csv"):
        assert land_source(landing(tmp_path), source(path=pattern)) == []
    for pattern in ("../secret/*.csv", "/etc/*", "a/../../secret/*"):
        with pytest.raises(ValueError, match="inside the landing folder"):
            source(path=pattern)


RECORDS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.integers(1, 28)),
    min_size=1,
    max_size=8,
    unique_by=lambda record: (record[0], record[2]),
)
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(records=RECORDS, data=st.data())
def test_the_current_rows_depend_neither_on_the_order_of_files_nor_on_their_number(
    records: list[tuple[str, int, int]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The last change of each record is current, whatever the number and order of deliveries."""
    expected = {code: score for code, score, _ in sorted(records, key=lambda record: record[2])}
    for _ in range(2):
        root = tmp_path_factory.mktemp("split")
        shuffled = data.draw(st.permutations(records))
        cuts = sorted(data.draw(st.sets(st.integers(0, len(records)))) | {0, len(records)})
        for number, (start, stop) in enumerate(pairwise(cuts)):
            # within a file, a second row with the same key is set aside
            for layer in _without_repeats(shuffled[start:stop]):
                write(
                    root / "in",
                    f"{number}-{len(list((root / 'in').glob('*')))}.csv"
                    if (root / "in").exists()
                    else f"{number}-0.csv",
                    *(row(c, s, f"2025-03-{d:02d}") for c, s, d in layer),
                )
        if data.draw(st.booleans()):
            land_source(landing(root), source(path="[5-9]*.csv"))
        land_source(landing(root), source())
        assert current(root) == expected


def _without_repeats(records: list[tuple[str, int, int]]) -> list[list[tuple[str, int, int]]]:
    layers: list[list[tuple[str, int, int]]] = []
    for record in records:
        fitting = next((layer for layer in layers if record[0] not in {code for code, _, _ in layer}), None)
        if fitting is None:
            layers.append([record])
        else:
            fitting.append(record)
    return layers


def test_a_new_column_is_reported_once_and_changes_no_row(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row(1))
    land_source(landing(tmp_path), source())
    assert find_new_columns(read_ledger(Lake(tmp_path / "lake")), source().name) == []
    (tmp_path / "in" / "b.csv").write_text(f"{HEADER},mood\n{row(2)},fine\n")
    land_source(landing(tmp_path), source())
    assert find_new_columns(read_ledger(Lake(tmp_path / "lake")), source().name) == ["mood"]
    assert set(current(tmp_path)) == {"1", "2"}
    (tmp_path / "in" / "c.csv").write_text(f"{HEADER},mood\n{row(3)},well\n")
    land_source(landing(tmp_path), source())
    assert find_new_columns(read_ledger(Lake(tmp_path / "lake")), source().name) == []


def test_a_column_that_the_mapping_no_longer_reads_is_not_reported_as_new(tmp_path: Path) -> None:
    write(tmp_path / "in", "a.csv", row(1))
    land_source(landing(tmp_path), source())
    mapping = {field: column for field, column in source().model_dump()["mapping"].items() if field != "changed_at"}
    land_source(landing(tmp_path), source(mapping=mapping))
    ledger = read_ledger(Lake(tmp_path / "lake"))
    assert ledger["columns_left_out"].to_list() == [[], ["changed"]]
    assert find_new_columns(ledger, source().name) == []
    (tmp_path / "in" / "b.csv").write_text(f"{HEADER},mood\n{row(2)},fine\n")
    land_source(landing(tmp_path), source(mapping=mapping))
    assert find_new_columns(read_ledger(Lake(tmp_path / "lake")), source().name) == ["mood"]
