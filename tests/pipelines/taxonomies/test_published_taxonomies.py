"""Published taxonomies: what becomes a micro-skill, a capability, a role; what is refused; lost rows are counted."""

import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import TaxonomyError
from pipelines.taxonomies.declared import count_taxonomy_rows, read_declared_taxonomy
from pipelines.taxonomies.esco import load_esco
from pipelines.taxonomies.lightcast import load_lightcast
from pipelines.taxonomies.moodle_framework import load_moodle_framework
from pipelines.taxonomies.onet import load_onet
from pipelines.taxonomies.sfia import load_sfia

SHARED = Path(os.environ.get("FOOTSTEPS_TEST_SHARED") or "none")
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="set FOOTSTEPS_TEST_SHARED to the folder of real data")
NO_TEXTS = pl.Series("skill_text", [], pl.String)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def commission(folder: Path, relation: str = "essential") -> Path:
    """A download of the Commission with three skills below two groups, and two occupations with the same name."""
    write(
        folder,
        "skills_en.csv",
        "conceptType,conceptUri,preferredLabel,altLabels,description\n"
        'KnowledgeSkillCompetence,s1,write SQL,"query databases\nSQL",\n'
        'KnowledgeSkillCompetence,s2,tune SQL,,"long,\ntext"\nKnowledgeSkillCompetence,s3,greet,,\n',
    )
    write(folder, "skillGroups_en.csv", "conceptType,conceptUri,preferredLabel\nG,g1,databases\nG,g2,IT\n")
    write(folder, "broaderRelationsSkillPillar_en.csv", "conceptUri,broaderUri\ns1,g1\ns2,s1\ng1,g2\n")
    write(
        folder,
        "skillSkillRelations_en.csv",
        f"originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri\n"
        f"s2,k,essential,k,s1\ns1,k,{relation},k,s2\n",
    )
    write(folder, "occupations_en.csv", "conceptUri,preferredLabel\no1,analyst\no2,analyst\n")
    write(
        folder,
        "occupationSkillRelations_en.csv",
        "occupationUri,relationType,skillType,skillUri\no1,essential,k,s1\no2,optional,k,s1\n",
    )
    return folder


def test_esco_gives_skills_groups_prerequisites_and_roles(tmp_path: Path) -> None:
    taxonomy = load_esco(commission(tmp_path, "optional")).taxonomy
    assert taxonomy.skills.select("skill_id", "capability_name", "capability_weight").rows() == [
        ("s1", "databases", 0.5),
        ("s2", "databases", 0.5),
        ("s3", None, None),
    ]
    assert taxonomy.skills["skill_description"][1] == "long,\ntext"
    assert ("query databases", "s1") in taxonomy.aliases.rows()
    assert taxonomy.prerequisites.rows() == [("s2", "s1")]
    assert taxonomy.role_profiles.rows() == [("analyst", "s1", "essential"), ("analyst (o2)", "s1", "optional")]


def test_every_row_of_esco_is_taken_and_an_optional_relation_is_no_prerequisite(tmp_path: Path) -> None:
    loaded = load_esco(commission(tmp_path, "optional"))
    counts = {count.rows: count for count in loaded.counts}
    assert all(count.rows_in == count.rows_out and not count.left_out for count in loaded.counts)
    between = loaded.taxonomy.relations.filter(pl.col("relation_name") != "broader")
    assert between.height == counts["skill relations"].rows_in == 2
    assert loaded.taxonomy.prerequisites.rows() == [("s2", "s1")]
    assert (counts["skills"].rows_in, counts["skills"].rows_out) == (3, 3)


def test_essential_relations_that_form_a_cycle_are_refused_with_their_path(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="s1 → s2 → s1"):
        load_esco(commission(tmp_path, "essential"))


def test_a_technology_belongs_to_the_commodity_that_names_it_most(tmp_path: Path) -> None:
    write(tmp_path, "Occupation Data.txt", "O*NET-SOC Code\tTitle\tDescription\n1\tActuary\tx\n2\tBaker\tx\n")
    write(
        tmp_path,
        "Technology Skills.txt",
        "O*NET-SOC Code\tExample\tCommodity Code\tCommodity Title\tHot Technology\tIn Demand\n"
        "1\tExcel\t9\tSheets\tY\tN\n2\tExcel\t9\tSheets\tN\tN\n2\tR\t8\tStatistics\tN\tN\n",
    )
    taxonomy = load_onet(tmp_path).taxonomy
    assert taxonomy.skills.select("skill_id", "capability_name").rows() == [("Excel", "Sheets"), ("R", "Statistics")]
    assert taxonomy.role_profiles.rows() == [
        ("Actuary", "Excel", "essential"),
        ("Baker", "Excel", "optional"),
        ("Baker", "R", "optional"),
    ]
    assert taxonomy.prerequisites.height == 0


def test_each_level_of_sfia_requires_the_level_below(tmp_path: Path) -> None:
    levels = ",".join(f"level_{i}" for i in range(1, 8))
    path = write(tmp_path, "sfia.csv", f"code,name,description,{levels}\nPROG,Programming,x,,a,b,,c,,\n")
    taxonomy = load_sfia(path).taxonomy
    assert taxonomy.skills["skill_id"].to_list() == ["PROG-2", "PROG-3", "PROG-5"]
    assert taxonomy.prerequisites.rows() == [("PROG-3", "PROG-2"), ("PROG-5", "PROG-3")]
    assert ("prog 3", "PROG-3") in taxonomy.aliases.rows()


def test_the_capability_of_a_lightcast_skill_is_its_subcategory(tmp_path: Path) -> None:
    text = "ID,NAME,CATEGORY,CATEGORY_NAME,SUBCATEGORY,SUBCATEGORY_NAME\nK1,SQL,1,IT,11,Databases\nK2,Tact,2,People,,\n"
    taxonomy = load_lightcast(write(tmp_path, "lightcast.csv", text)).taxonomy
    assert taxonomy.skills.select("skill_id", "capability_name").rows() == [("K1", "Databases"), ("K2", "People")]


def test_the_lowest_competencies_of_a_moodle_framework_are_micro_skills(tmp_path: Path) -> None:
    text = (
        "Parent ID number,ID number,Short name,Description,Is framework\n"
        ",f,Framework,,1\n,a,Data,,0\na,b,SQL,<p>Write <b>SQL</b></p>,0\n,c,Tact,,0\n"
    )
    taxonomy = load_moodle_framework(write(tmp_path, "moodle.csv", text)).taxonomy
    assert taxonomy.skills.select("skill_id", "skill_description", "capability_name").rows() == [
        ("b", "Write SQL", "Data"),
        ("c", None, "Framework"),
    ]


def test_a_declared_taxonomy_is_read_by_the_reader_of_its_system(tmp_path: Path) -> None:
    folder = tmp_path / "esco"
    folder.mkdir()
    commission(folder, "optional")
    taxonomy = read_declared_taxonomy(TaxonomyConfig(system="esco", folder="esco"), tmp_path, NO_TEXTS)
    assert taxonomy.skills.height == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"system": "esco"}, "system esco needs `folder`"),
        ({"system": "sfia", "folder": "x"}, "system sfia needs `skills`"),
        ({"system": "observed", "skills": "x"}, "system observed needs no file"),
        ({"system": "onet", "folder": "x", "prerequisites": "y"}, "system onet needs `folder`; allowed: folder"),
    ],
)
def test_a_declaration_without_its_file_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaxonomyConfig(**given)  # type: ignore[arg-type]


def test_a_folder_that_is_no_taxonomy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="holds no taxonomy that its files identify"):
        count_taxonomy_rows(tmp_path)


@needs_shared
@pytest.mark.parametrize(
    ("folder", "whole"),
    [
        ("esco_sample", {"skills": 1_000, "occupation relations": 8_679}),
        ("onet", {"distinct technologies": 8_768, "occupation technologies": 32_627}),
    ],
)
def test_counts_in_are_counts_out(folder: str, whole: dict[str, int]) -> None:
    counts = {taxonomy_count.rows: taxonomy_count for taxonomy_count in count_taxonomy_rows(SHARED / folder)}
    for rows, count in whole.items():
        assert (counts[rows].rows_in, counts[rows].rows_out) == (count, count)
    assert all(
        taxonomy_count.left_out
        for taxonomy_count in counts.values()
        if taxonomy_count.rows_in != taxonomy_count.rows_out
    )
