"""What the annex for a works agreement says the product never does, checked on every published contract."""

from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.personal_columns import person_columns


def test_no_published_table_names_who_judged_somebody() -> None:
    named_columns = {column.name for table in PUBLISHED_TABLES for column in person_columns(table)}
    assert named_columns == {"person_id", "companion_id", "follow_id", "lead_id"}
    assert not [
        (table.name, column_name)
        for table in PUBLISHED_TABLES
        for column_name in table.column_names
        if column_name.startswith(("given_by", "manager"))
    ]


def test_a_rank_is_in_the_list_of_one_person_alone() -> None:
    """A column that orders rows stands only in tables of one person's steps; no column orders people."""
    ordering_columns = {
        (table.name, column_name)
        for table in PUBLISHED_TABLES
        for column_name in table.column_names
        if "rank" in column_name or column_name in ("score", "percentile", "position")
    }
    assert ordering_columns == {
        ("out__next_skill", "rank"),
        ("out__next_skill", "score"),
        ("out__counterfactual", "rank"),
        ("out__counterfactual", "to_rank"),
        ("out__squad_match", "rank"),
        ("out__squad_match", "score"),
    }
    ranked_tables = {table.name: table for table in PUBLISHED_TABLES if table.name in dict(ordering_columns)}
    assert all({"person_id", "skill_id", "to_stage"} <= set(table.column_names) for table in ranked_tables.values())
