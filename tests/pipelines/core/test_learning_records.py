"""Learning records: a voided record and all but the last state never count, in whatever order the files arrive."""

import itertools
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.core.conform import conform_learning_record
from pipelines.ingest.deliveries import current_deliveries, scan_current_rows
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.ingest.new_deliveries import DeliveryKey, read_new_deliveries
from pipelines.storage.lake import Lake

SOURCE = SourceConfig.model_validate(
    {
        "name": "lms",
        "system": "tabular",
        "shape": "learning_record",
        "path": "*.csv",
        "mapping": {
            "record_code": "id",
            "employee_number": "who",
            "learning_verb": "verb",
            "occurred_at": "at",
            "state_code": "state",
            "voids_code": "voids",
        },
    }
)
TABLE = raw_table("tabular", CANONICAL_SCHEMAS["learning_record"])
HEADER = "id,who,verb,at,state,voids"
# A pass that a later grading takes back, which is voided itself: the pass counts again. And a voided completion.
RECORDS = [
    "pass,1,passed,2026-03-01,grade,",
    "regrade,1,started,2026-03-02,grade,",
    "mistake,1,,2026-03-03,,regrade",
    "done,1,completed,2026-03-04,,",
    "undone,1,,2026-03-05,,done",
]
PEOPLE = pl.DataFrame({"person_id": ["1"]}, schema={"person_id": PERSON.schema["person_id"]})
ACCOUNTS = pl.DataFrame([{"system_name": "tabular", "employee_number": "1", "person_id": "1"}], schema=ACCOUNT.schema)


def land(root: Path, name: str, *lines: str) -> Lake:
    folder = root / "in"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    lake = Lake(root / "lake")
    land_source(LandingContext(lake, folder, date(2026, 3, 9), datetime(2026, 3, 9, tzinfo=UTC)), SOURCE)
    return lake


def complete(lake: Lake) -> dict[str, str]:
    rows = scan_current_rows(lake, TABLE, "learning_record", [SOURCE]).with_columns(
        pl.lit("tabular").alias("system_name")
    )
    good = conform_learning_record(rows, ACCOUNTS, PEOPLE).good_rows
    return dict(good.select("record_code", "learning_verb").iter_rows())


def delivery_keys(lake: Lake) -> list[DeliveryKey]:
    return [DeliveryKey(*row) for row in current_deliveries(lake, SOURCE).select(DeliveryKey._fields).iter_rows()]


@pytest.mark.parametrize("order", list(itertools.permutations(RECORDS))[::7])
def test_a_run_over_new_files_gives_what_a_complete_run_gives_in_every_order_of_arrival(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    counted: dict[str, str] = {}
    earlier: list[DeliveryKey] = []
    for number, line in enumerate(order):
        lake = land(tmp_path, f"{number}", line)
        current = delivery_keys(lake)
        changed = read_new_deliveries(
            lake, "learning_record", {TABLE.name: ("tabular", [SOURCE])}, {TABLE.name: earlier}, {TABLE.name: current}
        )
        assert changed is not None
        good = conform_learning_record(changed.rows, ACCOUNTS, PEOPLE).good_rows
        replaced = set(changed.records["record_code"])
        counted = {code: verb for code, verb in counted.items() if code not in replaced}
        counted |= dict(good.select("record_code", "learning_verb").iter_rows())
        earlier = current
        assert counted == complete(lake)
    assert counted == {"pass": "passed"}


def test_of_the_states_of_one_grade_the_last_counts_and_other_grades_stay_apart(tmp_path: Path) -> None:
    lake = land(
        tmp_path,
        "log",
        "a,1,started,2026-03-01,1/sql,",
        "c,1,passed,2026-03-03,1/sql,",
        "b,1,started,2026-03-02,1/sql,",
        "d,1,started,2026-03-02,1/git,",
        "e,1,completed,2026-03-02,,",
        "f,1,completed,2026-03-02,,",
    )
    assert complete(lake) == {"c": "passed", "d": "started", "e": "completed", "f": "completed"}
