"""Rows that a command adds to an export: the company's own landing file, in its own columns, whole or not at all.

Belongs here: finding the source of a shape, its headers, the key it knows a person by, the writing.
Does not belong here: what a row says (`reply`, `showing`).
"""

import csv
import io
from pathlib import Path

import polars as pl

from assets.cli.console import CommandFailed
from pipelines.config.company import Config, SourceConfig
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.catalog import PERSON
from pipelines.storage.lake import Lake, replace_file

PERSON_KEYS = ("employee_number", "work_email", "account_code")


def find_source(declared: Config, shape: CanonicalSchemaName, block: str) -> SourceConfig:
    """The source of a shape. Raises Failed, with the block to declare, where none is that rows can be added to."""
    found = [one for one in declared.sources if one.shape == shape and one.delivery == "incremental"]
    found = [
        one for one in found if one.path.endswith(".csv") and one.encoding is None and one.delimiter in (None, ",")
    ]
    if not found:
        raise CommandFailed(f"no source of the shape {shape} is an incremental CSV: {block}")
    return found[0]


def find_headers(source: SourceConfig, shape: CanonicalSchemaName, needed: tuple[str, ...]) -> dict[str, str]:
    """The header of each canonical column of the source. Raises Failed where one that is needed has none."""
    given = {name: mapped.column for name, mapped in source.mapping.items() if isinstance(mapped.column, str)}
    headers = {name: given[name] for name in CANONICAL_SCHEMAS[shape].columns if name in given}
    missing = [name for name in needed if name not in headers]
    if missing or not set(PERSON_KEYS) & set(headers):
        missing = missing or ["employee_number"]
        raise CommandFailed(f"the source {source.name} maps no column to {', '.join(missing)}: add it to its `mapping`")
    return headers


def find_person_key(settings: Settings, source: SourceConfig, headers: dict[str, str], person: str) -> dict[str, str]:
    """The column and value that the source knows a person by. Raises Failed for nobody, or for no such key."""
    people = Lake(settings.lake_path).scan(PERSON).filter(pl.col("person_id") == person).collect()
    if not people.height:
        raise CommandFailed(f"nobody has the person_id {person!r}: see `footsteps show --sample 3`")
    keys = {
        "employee_number": people["employee_number"][0],
        "work_email": people["work_email"][0],
        "account_code": person,
    }
    who = next((name for name in PERSON_KEYS if name in headers and keys[name]), None)
    if who is None:
        raise CommandFailed(
            f"{person} has no {' or '.join(sorted(set(PERSON_KEYS) & set(headers)))}: "
            f"the source {source.name} knows no other"
        )
    return {who: str(keys[who])}


def landing_file(settings: Settings, declared: Config, source: SourceConfig) -> Path:
    """The file that commands write of a source, in the landing folder."""
    folder = settings.landing or settings.config_path.parent / declared.landing
    return folder.expanduser().resolve() / source.path.replace("*", "footsteps")


def to_exported_values(source: SourceConfig, row: dict[str, str]) -> dict[str, str]:
    """The row in the export's own words: what its mapping turns into the canonical word has to stand in the file."""
    raw = {}
    for name, value in row.items():
        values = {canonical: text for text, canonical in (source.mapping[name].values or {}).items()}
        raw[name] = values.get(value, value)
    return raw


def read_rows(file: Path) -> list[dict[str, str]]:
    """The rows of the file, as text by header; none where it is not there yet."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def append_row(file: Path, known: list[dict[str, str]], row: dict[str, str], headers: dict[str, str]) -> None:
    """Replace the file by its `known` rows and one more."""
    columns = list(known[0]) if known else list(headers.values())
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows([*known, row])
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(buffer.getvalue(), encoding="utf-8")
    replace_file(unfinished, file)
