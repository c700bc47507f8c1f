"""The declared lineage of columns."""

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD
from pipelines.contracts.lineage import columns_of, find_origins
from pipelines.contracts.output_tables import NEXT_SKILL


def test_a_passed_through_column_originates_from_the_column_of_the_same_name() -> None:
    origins = find_origins(NEXT_SKILL, [CANDIDATE, MASTERY, MODEL_CARD])
    assert origins["probability"] == ((CANDIDATE.name, "probability"),)
    assert origins["person_id"] == ((CANDIDATE.name, "person_id"),)
    assert origins["model_version"] == ((MODEL_CARD.name, "model_version"),)
    assert "as_of" not in origins


def test_a_derived_column_has_its_declared_origins_among_the_inputs() -> None:
    assert find_origins(NEXT_SKILL, [CANDIDATE])["rank"] == columns_of(CANDIDATE, "prior probability")
    # steps that are common in the unit are limited
    assert find_origins(NEXT_SKILL, [MASTERY])["rank"] == columns_of(MASTERY, "stage")
    assert "autonomy" not in find_origins(NEXT_SKILL, [MASTERY])


def test_a_conformed_table_takes_people_from_accounts_and_passes_the_rest_through() -> None:
    raw = raw_table("workday", CANONICAL_SCHEMAS["person"])
    origins = find_origins(PERSON, [raw, ACCOUNT])
    assert origins["person_id"] == origins["manager_id"] == ((ACCOUNT.name, "person_id"),)
    assert origins["hired_date"] == ((raw.name, "hired_date"),)
    assert (raw.name, "employee_number") in find_origins(ACCOUNT, [raw])["person_id"]
