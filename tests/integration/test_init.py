"""A folder of exports of a company: `footsteps init` writes a configuration that a run can use as it is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from company_exports import END, FILES, PEOPLE, Person, write_company_exports
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.run import execute_run
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.core.conform import CORE_TABLE_BY_SHAPE
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class DraftedCompany:
    """The made-up company with the configuration that `footsteps init` wrote, and what the command printed."""

    root: Path
    config: Path
    document: dict[str, Any]
    texts: str


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> DraftedCompany:
    root = tmp_path_factory.mktemp("company")
    write_company_exports(root / "exports")
    config = root / "footsteps.yaml"
    result = CliRunner().invoke(app, ["init", str(root / "exports"), "--output", str(config), "--json"])
    assert result.exit_code == 0, result.stderr
    return DraftedCompany(root, config, json.loads(result.stdout), config.read_text() + result.stdout + result.stderr)


def test_every_file_is_a_source_or_named_with_the_reason(drafted: DraftedCompany) -> None:
    sources = {source["path"]: source for source in drafted.document["sources"]}
    assert len(sources) == len(FILES) - 1
    assert {source["system"] for source in sources.values()} == {
        *("workday", "jira", "tempo", "clockify", "asana", "github", "kantata"),
        *("xapi", "coursera", "udemy", "techwolf", "odoo", "tabular"),
    }
    assert sources["hr/workers_*.csv"]["system"] == "workday"
    assert (sources["own/konten.csv"]["shape"], sources["own/liste.csv"]["shape"]) == ("account", "worklog")
    assert [entry["file"] for entry in drafted.document["left_out"]] == ["notes.txt"]
    assert drafted.document["next"] == f"footsteps run --config {drafted.config}"


def test_the_file_and_the_output_hold_no_value_of_a_person(drafted: DraftedCompany) -> None:
    people = [Person(i, "", "") for i in range(PEOPLE)]
    for value in ("never-read", "@acme.example", "Ana", "Abel", "aabel0", *(person.employee for person in people)):
        assert value not in drafted.texts, value


@pytest.mark.slow
def test_a_run_with_the_drafted_configuration_keeps_rows_finds_people_and_publishes_lists(
    drafted: DraftedCompany,
) -> None:
    settings = Settings(data_root=drafted.root / "data", config=drafted.config)
    summary = execute_run(settings, read_config(drafted.config), END, allow_row_count_drop=False)
    read = {source["name"]: (source["rows"], source["quarantined"]) for source in summary.source_states}
    kept_count, set_aside_count = (sum(counts[i] for counts in read.values()) for i in (0, 1))
    assert kept_count >= 0.95 * (kept_count + set_aside_count) > 1_800

    lake = Lake(settings.lake_path)
    people = set(lake.scan(PERSON).collect()["person_id"])
    records = pl.concat([lake.scan(table).select("person_id").collect() for table in CORE_TABLE_BY_SHAPE.values()])
    joined = records.filter(pl.col("person_id").is_in(list(people))).height
    assert len(people) == PEOPLE
    assert joined >= 0.9 * (kept_count - read["workday"][0] - read["konten"][0])

    rows = summary.snapshot.scan(NEXT_SKILL.name).filter(pl.col("skill_id").is_not_null()).collect()
    assert rows["person_id"].n_unique() >= 0.8 * PEOPLE
