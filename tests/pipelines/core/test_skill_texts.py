"""Each distinct text is matched once per taxonomy; looking it up gives what matching it gives."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_texts import NO_MATCHES, match_texts_of

from pipelines.contracts.catalog import COURSE, LEARNING_RECORD, SKILL_TEXT
from pipelines.core import skill_texts
from pipelines.core.skill_texts import add_skill_ids, fingerprint_names, look_up_matches
from pipelines.core.taxonomy import Taxonomy, TaxonomyError, build_taxonomy, match_skills
from pipelines.validation.rule_evaluation import enforce_contract

SKILLS = {"skill_id": ["SQL-1", "git", "joins"], "name": ["SQL", "Git", "SQL joins"], "aliases": ["queries", None, "x"]}
TAXONOMY = build_taxonomy(pl.DataFrame(SKILLS))
RENAMED = build_taxonomy(pl.DataFrame({**SKILLS, "aliases": ["questions", None, "x"]}))
TEXTS = st.lists(st.text(alphabet="SQLgitx-1 |", max_size=9) | st.sampled_from(["queries", "SQL joins|git", "SQL-1"]))


def rows(*texts: str | None) -> pl.DataFrame:
    return pl.DataFrame({"skill_text": texts}, schema={"skill_text": pl.String})


def records(*cells: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame([{"source_name": "lms", **cell} for cell in cells], schema=LEARNING_RECORD.schema)


def spy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are matched from now on."""
    matched: list[str] = []

    def match(texts: pl.DataFrame, skills: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
        matched.extend(texts["skill_text"])
        return original(texts, skills, aliases)

    original = skill_texts.match_texts
    monkeypatch.setattr(skill_texts, "match_texts", match)
    return matched


def test_a_text_is_connected_to_each_micro_skill_with_the_way_it_names_it() -> None:
    matches = match_texts_of(TAXONOMY, rows("SQL-1|sql|SQL", "learn git and sql joins!", "weaving", " | ", None))
    assert enforce_contract(SKILL_TEXT, matches).height == 6
    assert matches.drop("is_matched_whole", "taxonomy_version").rows() == [
        (" | ", None, None, "none"),
        ("SQL-1|sql|SQL", "sql", "SQL-1", "alias"),
        ("SQL-1|sql|SQL", "sql 1", "SQL-1", "id"),
        ("learn git and sql joins!", "learn git and sql joins", "git", "contained"),
        ("learn git and sql joins!", "learn git and sql joins", "joins", "contained"),
        ("weaving", "weaving", None, "none"),
    ]


def test_parts_with_one_normal_form_are_one_row_with_the_most_certain_method() -> None:
    taxonomy = build_taxonomy(pl.DataFrame({"skill_id": ["sql"], "name": ["SQL"]}))
    matches = match_texts_of(taxonomy, rows("SQL|sql"))
    assert matches.select("mention_text", "skill_id", "match_method").rows() == [("sql", "sql", "id")]


def test_the_code_of_a_course_is_compared_as_a_whole_and_elsewhere_the_same_text_is_a_name() -> None:
    codes = records({"course_code": "git|x"}, {"course_code": "git"})
    matches = match_texts_of(TAXONOMY, rows("git|x"), records=codes)
    skills = (
        matches.group_by("skill_text", "is_matched_whole").agg(pl.col("skill_id").drop_nulls().sort()).sort(pl.all())
    )
    assert skills.rows() == [("git", True, ["git"]), ("git|x", False, ["git", "joins"]), ("git|x", True, [])]
    as_code = pl.DataFrame({"skill_text": ["git|x"], "is_matched_whole": [True]})
    assert look_up_matches(as_code, matches).rows() == [("git|x", "git x", None)]
    assert look_up_matches(rows("git|x"), matches)["skill_id"].to_list() == ["git", "joins"]


def test_every_text_of_a_learning_record_and_of_its_course_is_listed() -> None:
    record = {"course_code": "c1", "course_name": "Git basics", "skill_text": "git"}
    course = {"source_name": "lms", "course_code": "c1", "course_name": "Git", "skill_text": "git|sql"}
    courses = pl.DataFrame([course], schema=COURSE.schema)
    matches = match_texts_of(TAXONOMY, records=records(record), courses=courses)
    assert set(matches["skill_text"]) == {"c1", "Git basics", "git", "Git", "git|sql"}


@settings(max_examples=80, deadline=None)
@given(texts=TEXTS, earlier_texts=TEXTS, earlier_taxonomy=st.sampled_from([TAXONOMY, RENAMED]))
def test_looking_up_gives_what_matching_gives_whatever_was_matched_before(
    texts: list[str], earlier_texts: list[str], earlier_taxonomy: Taxonomy
) -> None:
    earlier = match_texts_of(earlier_taxonomy, rows(*earlier_texts))
    matches = match_texts_of(TAXONOMY, rows(*texts), earlier=earlier)
    assert matches.equals(match_texts_of(TAXONOMY, rows(*texts)))
    assert set(matches["skill_text"]) == set(texts)
    for part in (texts, texts[:3], texts[::2]):
        assert look_up_matches(rows(*part), matches).equals(match_skills(rows(*part), TAXONOMY))


def test_a_text_is_matched_once_until_the_taxonomy_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    matched = spy(monkeypatch)
    first = match_texts_of(TAXONOMY, rows("sql", "git", "sql"), rows("git"))
    assert sorted(matched) == ["git", "sql"]
    second = match_texts_of(TAXONOMY, rows("sql", "weaving"), earlier=first)
    assert sorted(matched) == ["git", "sql", "weaving"]
    assert set(second["skill_text"]) == {"sql", "weaving"}
    match_texts_of(RENAMED, rows("sql", "weaving"), earlier=second)
    assert sorted(matched) == ["git", "sql", "sql", "weaving", "weaving"]


def test_the_fingerprint_of_names_changes_with_ids_and_names_only() -> None:
    described = build_taxonomy(pl.DataFrame({**SKILLS, "description": ["d"] * 3, "weight": ["1", "2", "3"]}))
    versions = [fingerprint_names(each.skills, each.aliases) for each in (TAXONOMY, described, RENAMED)]
    assert versions[0] == versions[1] != versions[2]
    shuffled = fingerprint_names(TAXONOMY.skills.reverse(), TAXONOMY.aliases.reverse())
    assert shuffled == versions[0]


def test_a_text_that_was_not_matched_is_an_error_without_the_text() -> None:
    matches = match_texts_of(TAXONOMY, rows("sql"))
    with pytest.raises(
        TaxonomyError, match=rf"^1 of 2 skill texts are not in {SKILL_TEXT.name}: materialize it first$"
    ):
        look_up_matches(rows("sql", "a secret"), matches)
    assert look_up_matches(rows(), NO_MATCHES).is_empty()


def test_rows_get_each_micro_skill_of_their_text_once() -> None:
    people = pl.DataFrame({"person_id": ["a", "b", "c"], "skill_text": ["queries|sql|git", "weaving", None]})
    added = add_skill_ids(people, match_texts_of(TAXONOMY, people))
    assert sorted(added.select("person_id", "skill_id").rows()) == [("a", "SQL-1"), ("a", "git")]


def test_a_taxonomy_without_names_matches_nothing() -> None:
    empty = build_taxonomy(pl.DataFrame(schema={"skill_id": pl.String, "name": pl.String}))
    assert match_texts_of(empty, rows("sql"))["skill_id"].to_list() == [None]
