"""The declared lineage of columns."""

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD
from pipelines.contracts.lineage import column_origins, find_origins
from pipelines.contracts.output_tables import NEXT_SKILL


def test_a_column_carried_over_comes_from_its_namesakes_among_the_inputs_that_carry() -> None:
    found = find_origins(NEXT_SKILL, [CANDIDATE, MASTERY, MODEL_CARD])
    assert found["probability"] == ((CANDIDATE.name, "probability"),)
    assert found["person_id"] == ((CANDIDATE.name, "person_id"),)
    assert found["model_version"] == ((MODEL_CARD.name, "model_version"),)
    assert "as_of" not in found


def test_a_reckoned_column_comes_from_what_is_declared_as_far_as_it_is_an_input() -> None:
    assert find_origins(NEXT_SKILL, [CANDIDATE])["rank"] == column_origins(CANDIDATE, "prior", "probability")
    assert "rank" not in find_origins(NEXT_SKILL, [MASTERY])


def test_a_conformed_row_is_about_whom_the_accounts_say_and_carries_the_rest_of_its_raw_row() -> None:
    raw = raw_table("workday", CANONICAL_SCHEMAS["person"])
    found = find_origins(PERSON, [raw, ACCOUNT])
    assert found["person_id"] == found["manager_id"] == ((ACCOUNT.name, "person_id"),)
    assert found["hired_date"] == ((raw.name, "hired_date"),)
    assert (raw.name, "employee_number") in find_origins(ACCOUNT, [raw])["person_id"]
