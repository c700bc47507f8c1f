"""Every statement of the pack stands on a place of the product, and a place that changes breaks it."""

import dataclasses
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import typer.main

from assets.cli.app import app
from assets.cli.pack.pack import describe_commands
from assets.pack import places as places_module
from assets.pack.documents.catalog import DOCUMENTS
from assets.pack.places import Place, PlaceGone, Product, list_contracts
from assets.pack.statements import PlaceChanged, look_up_confirmed, read_confirmed, state
from pipelines.contracts.policy import (
    CompanionPolicy,
    JourneymanPolicy,
    RecommendationPolicy,
    StagePolicy,
    TrainingPolicy,
)
from pipelines.contracts.table import RowRule, Table

PLACES_FILE = Path(places_module.__file__).with_name("places.json")
ALL_PLACES = {place.key: place for document in DOCUMENTS for place in document.list_places()}


def make_product() -> Product:
    return Product(None, describe_commands(typer.main.get_command(app)))


def test_every_place_is_as_it_was_confirmed() -> None:
    """Read the statements that name a changed place; then WRITE_PLACES=1 confirms them."""
    product = make_product()
    if os.environ.get("WRITE_PLACES"):
        fingerprints = {
            place_key: product.look_up(place).fingerprint for place_key, place in sorted(ALL_PLACES.items())
        }
        confirmed = {place_key: fingerprint for place_key, fingerprint in fingerprints.items() if fingerprint}
        PLACES_FILE.write_text(json.dumps(confirmed, indent=1) + "\n")
    confirmed = read_confirmed()
    assert look_up_confirmed(product, ALL_PLACES.values(), confirmed).keys() == ALL_PLACES.keys()
    assert confirmed.keys() == ALL_PLACES.keys()


def test_every_statement_names_a_place_and_most_kinds_are_in_use() -> None:
    statements = [
        statement for document in DOCUMENTS for section in document.sections for statement in section.statements
    ]
    assert len(statements) > 150
    assert all(statement.places for statement in statements)
    assert {place.kind for place in ALL_PLACES.values()} == set(places_module._LOOKUPS)
    with pytest.raises(ValueError, match="at least one place"):
        state("A statement that nothing makes true.")
    with pytest.raises(ValueError, match="a place is missing"):
        state("{days} days", hours=Place("policy", "horizon_days"))


def test_a_section_without_statements_has_a_table_or_a_note() -> None:
    sections = [section for document in DOCUMENTS for section in document.sections]
    assert all(section.statements or section.table_name for section in sections)


# Each mutation changes or removes one place that a statement names.
def with_table(name: str, change: Callable[[Table], Table | None]) -> Product:
    contracts = list_contracts()
    changed_table = change(contracts.pop(name))
    tables = contracts | ({name: changed_table} if changed_table else {})
    return dataclasses.replace(make_product(), tables=tables)


def with_column(table_name: str, column_name: str, **fields: object) -> Product:
    def change(table: Table) -> Table:
        columns = tuple(
            dataclasses.replace(column, **fields) if column.name == column_name else column  # type: ignore[arg-type]
            for column in table.columns
        )
        return dataclasses.replace(table, columns=columns)

    return with_table(table_name, change)


def without_column(table_name: str, column_name: str) -> Product:
    def change(table: Table) -> Table:
        return Table(table.name, table.description, tuple(c for c in table.columns if c.name != column_name), ())

    return with_table(table_name, change)


def with_policy(**fields: object) -> Product:
    return dataclasses.replace(make_product(), policy=dataclasses.replace(RecommendationPolicy(), **fields))  # type: ignore[arg-type]


def without_command(name: str) -> Product:
    product = make_product()
    texts = {command: text for command, text in product.command_texts.items() if command != name}
    return dataclasses.replace(product, command_texts=texts)


def with_row_rule(table_name: str, rule_index: int, expression: pl.Expr) -> Product:
    def change(table: Table) -> Table:
        rules = list(table.row_rules)
        old = rules[rule_index]
        rules[rule_index] = RowRule(old.name, old.columns, expression, old.description)
        return dataclasses.replace(table, row_rules=tuple(rules))

    return with_table(table_name, change)


MUTATIONS: dict[str, tuple[Callable[[], Product], str]] = {
    "raw rows are kept for ten years": (
        lambda: with_table("raw_SYSTEM__event_worklog", lambda table: dataclasses.replace(table, retention_days=3650)),
        "table raw_SYSTEM__event_worklog",
    ),
    "set-aside rows are kept for ever": (
        lambda: with_table("quarantine__TABLE", lambda table: dataclasses.replace(table, retention_days=None)),
        "table quarantine__TABLE",
    ),
    "the ledger is gone": (
        lambda: with_table("raw_landing__event_delivery", lambda table: None),
        "table raw_landing__event_delivery",
    ),
    "the register of badges ends after a year": (
        lambda: with_table("core_badge__event_issued", lambda table: dataclasses.replace(table, retention_days=365)),
        "table core_badge__event_issued",
    ),
    "the rank says something else": (
        lambda: with_column("out__next_skill", "rank", description="Place of the person among all people."),
        "column out__next_skill.rank",
    ),
    "there is no reason without a step": (
        lambda: without_column("out__next_skill", "no_recommendation_reason"),
        "column out__next_skill.no_recommendation_reason",
    ),
    "a level has no interval": (
        lambda: without_column("out__mastery", "level_low_share"),
        "column out__mastery.level_low_share",
    ),
    "a reply may no longer hide": (
        lambda: with_column("core_wish__event_reply", "reply_kind", allowed=("accept", "dismiss")),
        "column core_wish__event_reply.reply_kind",
    ),
    "a badge may tell more": (
        lambda: with_column("core_badge__event_issued", "evidence_level", allowed=("none", "kinds", "counts", "all")),
        "column core_badge__event_issued.evidence_level",
    ),
    "a companion need not be named or counted": (
        lambda: with_row_rule("out__companion", 0, pl.lit(True)),
        "rule out__companion:companion_id+standing_count|is_named_or_counted",
    ),
    "the rule on reasons is gone": (
        lambda: with_table("out__next_skill", lambda table: dataclasses.replace(table, row_rules=())),
        "rule out__next_skill:skill_id+no_recommendation_reason|recommends_or_says_why_not",
    ),
    "sentences count two people": (lambda: with_policy(minimum_people=2), "policy minimum_people"),
    "teams of two are reported on": (lambda: with_policy(team_people=2), "policy team_people"),
    "managers walk along": (
        lambda: with_policy(companions=CompanionPolicy(manager_chain_may_walk=True)),
        "policy companions.manager_chain_may_walk",
    ),
    "journeymen need no work": (
        lambda: with_policy(stages=StagePolicy(journeyman=JourneymanPolicy(repetition_hours=0.0))),
        "policy stages.journeyman.repetition_hours",
    ),
    "any new model is taken": (
        lambda: dataclasses.replace(make_product(), training=TrainingPolicy(ahead_share=0.0)),
        "training ahead_share",
    ),
    "nobody gets a copy": (lambda: without_command("access"), "command access"),
    "nobody is erased": (lambda: without_command("erase"), "command erase"),
    "reply has another meaning": (
        lambda: dataclasses.replace(
            make_product(), command_texts={**make_product().command_texts, "reply": "Archive."}
        ),
        "command reply",
    ),
    "the quarantine does not name the rules": (
        lambda: without_column("quarantine__TABLE", "failed_rules"),
        "column quarantine__TABLE.failed_rules",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_place_breaks_the_statements_that_name_it(mutation: str) -> None:
    mutate, place_key = MUTATIONS[mutation]
    with pytest.raises((PlaceGone, PlaceChanged), match=re.escape(place_key)):
        look_up_confirmed(mutate(), [ALL_PLACES[place_key]], read_confirmed())


def test_a_changed_function_key_or_test_breaks_the_statements_that_name_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from assets.pack import tests_of_checkout
    from pipelines.config.privacy import PrivacyOptions
    from pipelines.core import consents

    confirmed, product = read_confirmed(), make_product()

    def find_active_consents() -> None:
        """Everybody consents."""

    with monkeypatch.context() as patch:
        patch.setattr(consents, "find_active_consents", find_active_consents)
        with pytest.raises(PlaceChanged, match="find_active_consents"):
            look_up_confirmed(product, [ALL_PLACES["code pipelines.core.consents:find_active_consents"]], confirmed)
    with monkeypatch.context() as patch:
        patch.delattr(consents, "find_active_consents")
        with pytest.raises(PlaceGone, match="find_active_consents"):
            look_up_confirmed(product, [ALL_PLACES["code pipelines.core.consents:find_active_consents"]], confirmed)
    run_log_days = ALL_PLACES["config privacy.run_log_days"]
    with monkeypatch.context() as patch:
        patch.setattr(PrivacyOptions.model_fields["run_log_days"], "default", 10_000)
        with pytest.raises(PlaceChanged, match="run_log_days"):
            look_up_confirmed(product, [run_log_days], confirmed)
    with pytest.raises(PlaceGone, match="no_such_key"):
        product.look_up(Place("config", "privacy.no_such_key"))
    # a checkout in which the test asserts something else, and one in which it is gone
    node_id = "tests/assets/web/test_access.py::test_the_log_names_routes_and_nobody"
    test_file = tmp_path / "tests" / "assets" / "web" / "test_access.py"
    test_file.parent.mkdir(parents=True)
    for source, error in (
        ("def test_the_log_names_routes_and_nobody():\n    assert True\n", PlaceChanged),
        ("def test_something_else():\n    assert True\n", PlaceGone),
    ):
        test_file.write_text(source)
        tests_of_checkout._read_functions.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(tests_of_checkout, "find_checkout", lambda: tmp_path)
            with pytest.raises(error, match="test_the_log_names"):
                look_up_confirmed(product, [ALL_PLACES[f"test {node_id}"]], confirmed)
    tests_of_checkout._read_functions.cache_clear()


def test_without_a_checkout_tests_are_named_and_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.pack import tests_of_checkout

    monkeypatch.setattr(tests_of_checkout, "find_checkout", lambda: None)
    content = make_product().look_up(Place("test", "tests/x/test_y.py::test_nobody_is_named"))
    assert content.fingerprint is None
    assert content.shown == "nobody is named"
    assert look_up_confirmed(make_product(), ALL_PLACES.values(), read_confirmed()).keys() == ALL_PLACES.keys()
