"""Texts name only micro-skills that the taxonomy knows, by id, name, alias, or whole words inside a longer text."""

import re
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import TaxonomyConfig
from pipelines.contracts.catalog import ALIAS, PREREQUISITE, ROLE_PROFILE, SKILL
from pipelines.core.taxonomy import (
    Taxonomy,
    TaxonomyError,
    add_aliases,
    build_observed_taxonomy,
    check_acyclic,
    match_skills,
    normalise_name,
)
from pipelines.taxonomies.declared import read_declared_taxonomy
from pipelines.taxonomies.own_tables import load_own_tables
from pipelines.validation.rule_evaluation import enforce_contract

SKILLS = """skill_id,name,aliases,capability_id,weight
sql,SQL,Structured Query Language|queries,data,3
joins,SQL joins,joining tables|queries,data,1
go,Go,golang,code,
cpp,C++,,code,
rest,REST,sql,,
"""


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    return write(tmp_path)


def write(folder: Path, skills: str = SKILLS, needs: str | None = None, roles: str | None = None) -> Taxonomy:
    paths: list[Path | None] = []
    for name, text in (("skills.csv", skills), ("needs.csv", needs), ("roles.csv", roles)):
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
        paths.append(folder / name if text is not None else None)
    assert paths[0] is not None
    return load_own_tables(paths[0], paths[1], paths[2]).taxonomy


def named(text: str, taxonomy: Taxonomy) -> set[str]:
    return set(match_skills(pl.DataFrame({"skill_text": [text]}), taxonomy)["skill_id"].drop_nulls())


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("sql", {"sql"}),
        ("  S-Q-L ", set()),
        ("Structured  query-LANGUAGE", {"sql"}),
        ("sql|golang", {"sql", "go"}),
        ("go|unknown thing", {"go"}),
        ("Fix the SQL joins of report 7", {"joins"}),
        ("Tune SQL, then SQL joins", {"sql", "joins"}),
        ("Write it in Go!", {"go"}),
        ("Going to Chicago", set()),
        ("C++ and Go", {"cpp", "go"}),
        ("C", set()),
        ("queries", set()),
        ("", set()),
        (" | ", set()),
    ],
)
def test_a_text_names_the_micro_skills_that_occur_in_it_as_whole_words(
    text: str, skills: set[str], taxonomy: Taxonomy
) -> None:
    assert named(text, taxonomy) == skills


def test_both_of_two_neighbouring_names_are_matched(taxonomy: Taxonomy) -> None:
    assert named("golang sql go", taxonomy) == {"go", "sql"}


def test_a_name_means_its_own_micro_skill_even_if_another_has_it_as_an_alias(taxonomy: Taxonomy) -> None:
    assert named("sql", taxonomy) == {"sql"}
    assert taxonomy.aliases.filter(pl.col("alias_text") == "sql")["skill_id"].to_list() == ["sql"]


def test_an_alias_that_two_micro_skills_share_means_neither(taxonomy: Taxonomy) -> None:
    assert "queries" not in taxonomy.aliases["alias_text"].to_list()


def test_a_text_that_names_no_micro_skill_is_kept_as_unknown(taxonomy: Taxonomy) -> None:
    matches = match_skills(pl.DataFrame({"skill_text": ["Basket weaving"]}), taxonomy)
    assert matches.rows() == [("Basket weaving", "basket weaving", None)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="sqlgo jins|+-", max_size=12), max_size=6))
def test_only_micro_skills_of_the_taxonomy_are_matched_and_no_text_is_lost(texts: list[str]) -> None:
    frame = pl.DataFrame({"skill_text": texts}, schema={"skill_text": pl.String})
    observed = build_observed_taxonomy(pl.Series(["sql", "go", "sql joins"]), 1)
    matches = match_skills(frame, observed)
    assert set(matches["skill_id"].drop_nulls()) <= {"sql", "go", "sql joins"}
    assert set(matches["skill_text"]) == {text for text in texts if text.replace("|", "").strip()}
    for text, skill in matches.drop_nulls("skill_id").select("skill_text", "skill_id").iter_rows():
        plain = pl.select(normalise_name(pl.lit(text))).item()
        assert f" {skill} " in f" {plain} " or skill in text


def test_every_frame_is_in_its_contract(tmp_path: Path) -> None:
    taxonomy = write(
        tmp_path,
        needs="skill_id,requires_skill_id\njoins,sql\n",
        roles="role_name,skill_id,importance\nAnalyst,sql,essential\n",
    )
    frames = (taxonomy.skills, taxonomy.aliases, taxonomy.prerequisites, taxonomy.role_profiles)
    for table, frame in zip((SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE), frames, strict=True):
        assert enforce_contract(table, frame).height
    observed = build_observed_taxonomy(pl.Series(["a/b/c", "a/b/d", "e", None, "e"]), 2)
    enforce_contract(SKILL, observed.skills)


def test_weights_are_shares_of_their_capability(taxonomy: Taxonomy) -> None:
    weights = dict(taxonomy.skills.select("skill_id", "capability_weight").iter_rows())
    assert weights == {"sql": 0.75, "joins": 0.25, "go": 0.5, "cpp": 0.5, "rest": None}


def test_observed_texts_become_micro_skills_and_their_leading_parts_capabilities() -> None:
    taxonomy = build_observed_taxonomy(pl.Series(["a/b/c", "a/b/d", "a/x", "e", None]), 2)
    assert taxonomy.skills.select("skill_id", "capability_id", "capability_weight").rows() == [
        ("a/b/c", "a/b", 0.5),
        ("a/b/d", "a/b", 0.5),
        ("a/x", "a/x", 1.0),
        ("e", "e", 1.0),
    ]
    assert named("a/b/c", taxonomy) == {"a/b/c"}


@pytest.mark.parametrize(
    ("skills", "needs", "message"),
    [
        ("skill_id\na\n", None, "skills.csv: column name is missing; it has skill_id"),
        ("skill_id,name\na,A\na,B\n", None, "skill_id a occurs more than once"),
        ("skill_id,name\n,A\n", None, "every row needs a skill_id and a name"),
        ("skill_id,name\na,A\nb,B\n", "skill_id,requires_skill_id\na,b\nb,a\n", "a → b → a"),
        ("", None, "skills.csv is empty"),
        ("skill_id,name\n", None, "skills.csv is empty: it has a header and no row"),
        ("skill_id,name,replaced_by\na,A,b\nb,B,a\nc,C,\n", None, "circle: a → b → a"),
    ],
)
def test_a_taxonomy_that_cannot_be_used_is_refused(
    tmp_path: Path, skills: str, needs: str | None, message: str
) -> None:
    with pytest.raises(TaxonomyError) as error:
        write(tmp_path, skills, needs)
    assert message in str(error.value)


def test_the_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"the taxonomy file gone\.csv is missing"):
        load_own_tables(tmp_path / "gone.csv")


EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14)


@settings(max_examples=100, deadline=None)
@given(EDGES)
def test_prerequisites_are_refused_exactly_if_a_micro_skill_requires_itself(edges: list[tuple[int, int]]) -> None:
    reach = {(a, b) for a, b in edges}
    for middle in range(7):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c == middle}
    frame = pl.DataFrame([(f"s{a}", f"s{b}") for a, b in edges], schema=PREREQUISITE.schema, orient="row")
    if not any(a == b for a, b in reach):
        check_acyclic(frame)
        return
    with pytest.raises(TaxonomyError) as error:
        check_acyclic(frame)
    path = [int(number) for number in re.findall(r"\bs(\d)\b", str(error.value))]
    assert path[0] == path[-1]
    assert set(pairwise(path)) <= set(edges)


CHANGED = """skill_id,name,aliases,replaced_by
sql,SQL,Structured Query Language,query
query,Querying,,querying_data
querying_data,Querying data,select,
web,Web,websites,front|back
front,Front end,,
back,Back end,,
old,Flash,,gone
"""


def test_the_names_of_a_replaced_micro_skill_lead_to_the_one_that_replaces_it(tmp_path: Path) -> None:
    taxonomy = write(tmp_path, CHANGED)
    assert taxonomy.skills["skill_id"].to_list() == ["back", "front", "querying_data"]
    for name in ("sql", "SQL", "Structured Query Language", "query", "Querying", "select", "Querying data"):
        assert named(name, taxonomy) == {"querying_data"}


def test_a_split_or_removed_micro_skill_gives_its_name_to_none(tmp_path: Path) -> None:
    taxonomy = write(tmp_path, CHANGED)
    assert named("Web", taxonomy) == named("websites", taxonomy) == named("Flash", taxonomy) == set()


def test_prerequisites_and_roles_follow_replacements_and_lose_what_is_gone(tmp_path: Path) -> None:
    needs = "skill_id,requires_skill_id\nweb,sql\nsql,query\nold,sql\nfront,removed\n"
    roles = "role_name,skill_id,importance\nDev,web,essential\nDev,old,optional\nDev,removed,optional\n"
    for name, text in (("skills", CHANGED), ("needs", needs), ("roles", roles)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    loaded = load_own_tables(tmp_path / "skills.csv", tmp_path / "needs.csv", tmp_path / "roles.csv")
    assert loaded.taxonomy.prerequisites.rows() == [("back", "querying_data"), ("front", "querying_data")]
    assert loaded.taxonomy.role_profiles.rows() == [("Dev", "back", "essential"), ("Dev", "front", "essential")]
    assert {count.rows: (count.rows_in, count.rows_out) for count in loaded.counts} == {
        "micro-skills": (7, 3),
        "prerequisites": (4, 2),
        "role profiles": (3, 2),
    }


def test_a_company_may_give_further_names_and_they_replace_other_meanings(taxonomy: Taxonomy) -> None:
    rows = pl.DataFrame(
        [("course-v1:Ex+SQL1", "sql"), ("golang", "REST"), ("tact", "removed"), (None, "sql")],
        schema=["name", "skill_id"],
        orient="row",
    )
    extended, taken = add_aliases(taxonomy, rows)
    assert taken == 2
    enforce_contract(ALIAS, extended.aliases)
    assert named("course-v1:Ex+SQL1", extended) == {"sql"}
    assert (named("golang", taxonomy), named("golang", extended)) == ({"go"}, {"rest"})
    assert named("tact", extended) == set()


def test_an_observed_text_that_an_alias_names_is_no_micro_skill_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "aliases.csv").write_text("name,skill_id\nSQL,SQL basics\n")
    texts = pl.Series("skill_text", ["SQL", "SQL basics", "dbt"])
    declared = TaxonomyConfig(system="observed", aliases="aliases.csv")
    loaded = read_declared_taxonomy(declared, tmp_path, texts)
    assert loaded.taxonomy.skills["skill_id"].to_list() == ["SQL basics", "dbt"]
    assert named("SQL", loaded.taxonomy) == {"SQL basics"}
    assert (loaded.counts[-1].rows, loaded.counts[-1].rows_out) == ("aliases", 1)
