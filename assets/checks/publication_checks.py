"""Blocking checks before publication: recommendations that break a promise to readers are not published.

Belongs here: which rows are checked, and how a result is shown.
Does not belong here: the promises (`pipelines.snapshots.release_checks`), their validation (`pipelines.validation`).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from dagster import AssetCheckResult, AssetChecksDefinition, multi_asset_check

from assets.checks.contract_checks import build_check_specs, choose_severity
from assets.resources.pipeline import PipelineResource
from assets.resources.table_reader import DeclaredLake, TableReader
from pipelines.config.company import Config
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL, PUBLISHED_TABLES
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.snapshots.release_checks import (
    build_list_contract,
    build_person_contract,
    build_person_rows,
    build_publication_contract,
    build_publication_row,
    measure_changed_share,
    select_list_rows,
)

# Distinguishes these checks from those of the table's own contract, which are shown on the same asset.
_CHECK_PREFIX = "gate__"
# What the checks read.
_READ_TABLES = (NEXT_SKILL, PERSON, MODEL_CARD)


def publication_checks(config: Config) -> list[AssetChecksDefinition]:
    """The checks on the recommendations that must pass before they are published."""
    list_check_contract, person_check_contract = build_list_contract(config.policy.list_length), build_person_contract()
    publication_check_contract = build_publication_contract(config.publish)
    check_contracts = (list_check_contract, person_check_contract, publication_check_contract)

    @multi_asset_check(
        name="check_publication",
        specs=[
            check_spec
            for table in check_contracts
            for check_spec in build_check_specs(table, NEXT_SKILL.name, _CHECK_PREFIX)
        ],
    )
    def check_publication(pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        readable_table_names = frozenset(table.name for table in _READ_TABLES)
        table_reader = TableReader(DeclaredLake(pipeline.lake.root, "check_publication", readable_table_names))
        next_steps, employed_people = table_reader.read(NEXT_SKILL), table_reader.read(PERSON).filter(is_employed())
        yield from _check_rules(list_check_contract, select_list_rows(next_steps))
        yield from _check_rules(person_check_contract, build_person_rows(next_steps, employed_people))
        publication_row = _collect_publication_row(table_reader, pipeline.settings.published_path, next_steps)
        yield from _check_rules(publication_check_contract, publication_row)

    return [check_publication]


def _collect_publication_row(table_reader: TableReader, published_path: Path, next_steps: pl.DataFrame) -> pl.DataFrame:
    """One row about the whole publication, in the contract of `build_publication_contract`."""
    model_cards = table_reader.read(MODEL_CARD)
    try:
        previous_steps = current_snapshot(published_path).scan(NEXT_SKILL.name)
    except NothingPublished:
        previous_steps = None
    # the other tables are made from these rows and not written yet: only their schema is checked here
    rows_by_table = {
        table: next_steps if table == NEXT_SKILL else pl.DataFrame(schema=table.schema) for table in PUBLISHED_TABLES
    }
    changed_share = measure_changed_share(previous_steps, next_steps.lazy())
    return build_publication_row(rows_by_table, model_cards["card"][0] if model_cards.height else None, changed_share)


def _check_rules(table: Table, checked_rows: pl.DataFrame) -> Iterator[AssetCheckResult]:
    # the import takes seconds: only if a table is validated
    from pipelines.validation.expectations import validate

    for rule, rule_result in zip(table.rules, validate(table, checked_rows).results, strict=True):
        result_description = (
            "passed" if rule_result.passed else f"{rule_result.unexpected_count:,} of {checked_rows.height:,} break it"
        )
        if not rule_result.passed and checked_rows.height == 1 and rule.kind == "between":
            limit_text = f"; at most {rule.maximum:g}" if rule.maximum is not None else ""
            measured_value = checked_rows[rule.columns[0]][0]
            result_description = (
                f"it is {measured_value:g}{limit_text}: look at the new files, or allow more under `publish:`"
            )
        elif rule_result.error:
            result_description = rule_result.error
        yield AssetCheckResult(
            asset_key=NEXT_SKILL.name,
            check_name=f"{_CHECK_PREFIX}{rule.check_name}",
            passed=rule_result.passed,
            severity=choose_severity(rule_result.is_blocking),
            description=result_description,
            metadata={"rule": rule.name, "rows": checked_rows.height, "unexpected": rule_result.unexpected_count},
        )
