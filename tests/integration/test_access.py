"""The access copy holds everything that a search by content finds about a person, and nothing about others."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from conftest import DemoRun
from typer.testing import CliRunner

from assets.cli.app import app
from pipelines.config.company import read_config
from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.contracts.output_tables import OBEYED_REPLY, REPLY_EFFECT
from pipelines.privacy.access_copy import AccessCopy, collect_access_copy
from pipelines.privacy.identity import find_identity
from pipelines.storage.lake import Lake


@pytest.fixture(scope="module")
def root(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's data root with a table that the catalogue does not have, and a log."""
    copied_root = tmp_path_factory.mktemp("access") / "root"
    shutil.copytree(demo_run.settings.root, copied_root)
    people = Lake(copied_root / "lake").scan(PERSON).collect()["person_id"]
    folder = copied_root / "lake" / "feat_team__assn_mentor"
    folder.mkdir()
    mentors = pl.DataFrame({"person_id": people, "mentor_id": people.reverse(), "chemistry": [0.5] * people.len()})
    mentors.write_parquet(folder / "data.parquet")
    (copied_root / "dagster_home" / "portal.log").write_text("".join(f"shown to {person}\n" for person in people))
    return copied_root


def copy_for(root: Path, demo_run: DemoRun, person: str) -> AccessCopy:
    settings = demo_run.settings.model_copy(update={"data_root": root})
    config = read_config(root / "footsteps.yaml")
    return collect_access_copy(settings, config, person, None)


class StoredTexts(NamedTuple):
    """What is stored under a root, read once for all people.

    Attributes:
        rows: Per Parquet file, the texts in the cells of each row.
        texts: Per other file, its text in lower case.
    """

    rows: dict[str, list[frozenset[str]]]
    texts: dict[str, str]


def read_stored_texts(root: Path) -> StoredTexts:
    stored = StoredTexts({}, {})
    for path in root.rglob("*"):
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path).iter_rows()
            stored.rows[str(path.relative_to(root))] = [
                frozenset(text for cell in row for text in texts_of(cell)) for row in rows
            ]
        elif path.is_file() and path.suffix not in (".duckdb", ".skops", ".db"):
            stored.texts[str(path.relative_to(root))] = path.read_text(errors="replace").lower()
    return stored


def search_by_content(stored: StoredTexts, keys: set[str]) -> Counter[str]:
    """Rows and lines per file in which a cell, or a word of a text, is a key of the person."""
    hits = Counter({path: sum(not keys.isdisjoint(texts) for texts in rows) for path, rows in stored.rows.items()})
    for path, text in stored.texts.items():
        if any(key in text for key in keys):
            hits[path] = sum(any(key in line for key in keys) for line in text.splitlines())
    return +hits


def texts_of(cell: object) -> Iterator[str]:
    if isinstance(cell, list):
        for entry in cell:
            yield from texts_of(entry)
    elif isinstance(cell, str):
        yield cell.lower()
        if cell.startswith("{") and '"row' not in cell:
            # a row that was set aside holds its cells as they were exported
            yield from (str(text).lower().removeprefix("mailto:") for text in json.loads(cell).values())


# one table names nobody: the rows of a person are found by the ids of the person's replies
REPLY_TABLE = "lake/out__obeyed_reply/data.parquet"


@pytest.mark.slow
def test_the_copy_of_twenty_people_equals_a_search_by_content(root: Path, demo_run: DemoRun) -> None:
    lake, config, stored = Lake(root / "lake"), read_config(root / "footsteps.yaml"), read_stored_texts(root)
    people = lake.scan(PERSON).collect()["person_id"].sort().gather_every(2).head(20)
    assert people.len() == 20
    accounts, effects = lake.scan(ACCOUNT).collect(), lake.scan(REPLY_EFFECT).collect()
    replies = lake.scan(OBEYED_REPLY).collect()
    for person in people:
        access_copy = copy_for(root, demo_run, person)
        identity = find_identity(lake, config, person)
        codes = accounts.filter(pl.col("person_id") == person)["account_code"].drop_nulls()
        keys = {person, *identity.employee_numbers, *identity.emails, *(code.lower() for code in codes)}
        keys |= {name.lower() for name in identity.names}
        in_copy: Counter[str] = Counter()
        for part in access_copy.parts:
            in_copy[part.path] += len(part.rows) + len(part.lines)
        expected = search_by_content(stored, keys)
        reply_ids = effects.filter(pl.col("person_id") == person)["reply_id"]
        expected[REPLY_TABLE] += replies.filter(pl.col("reply_id").is_in(reply_ids.implode())).height
        assert in_copy == +expected
        assert not access_copy.not_read


def test_a_copy_has_the_data_with_source_purpose_and_retention_and_nothing_of_others(
    root: Path, demo_run: DemoRun, tmp_path: Path
) -> None:
    people = Lake(root / "lake").scan(PERSON).collect()
    person = people.row(0, named=True)
    arguments = ["access", person["work_email"].upper(), "--data-root", str(root), "--output", str(tmp_path)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    text = (tmp_path / f"access-{person['person_id']}.json").read_text()
    parts = {part["path"]: part for part in json.loads(text)["stored"]}
    person_rows = parts["lake/core_hr__entity_person/data.parquet"]
    assert person_rows["rows"][0]["display_name"] == person["display_name"]
    assert (person_rows["place"]["retention"], person_rows["role"]) == ("365 days", "subject")
    assert parts["dagster_home/portal.log"]["lines"] == [{"place": "1", "text": f"shown to {person['person_id']}"}]
    assert parts["lake/feat_team__assn_mentor/data.parquet"]["rows"]
    assert any(part["is_training_row"] for part in parts.values())
    assert all(part["place"]["purpose"] and part["place"]["source"] for part in parts.values())
    for other in people.filter(pl.col("person_id") != person["person_id"]).iter_rows(named=True):
        assert other["display_name"] not in text
        # one's own row names the manager
        assert other["person_id"] == person["manager_id"] or other["work_email"] not in text
    page = (tmp_path / f"access-{person['person_id']}.html").read_text()
    assert person["display_name"] in page
    assert "core_hr__entity_person" in page


def test_an_unknown_key_is_refused_without_naming_anybody(root: Path) -> None:
    outcome = CliRunner().invoke(app, ["access", "nobody@acme.example", "--data-root", str(root), "--json"])
    assert outcome.exit_code != 0
    assert "nobody has" in outcome.output
