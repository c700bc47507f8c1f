"""Published taxonomies: what becomes a micro-skill, a capability, a role; what is refused; lost rows are counted."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from workbooks import write_workbook

from pipelines.config.company import TaxonomyConfig
from pipelines.core.taxonomy import TaxonomyError
from pipelines.taxonomies.declared import count_taxonomy_rows, detect_taxonomy, read_declared_taxonomy
from pipelines.taxonomies.digcomp import load_digcomp
from pipelines.taxonomies.esco import load_esco
from pipelines.taxonomies.lightcast import load_lightcast
from pipelines.taxonomies.moodle_framework import load_moodle_framework
from pipelines.taxonomies.nice import load_nice
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


def test_software_skills_of_onet_30_3_are_read_as_technology_skills_were(tmp_path: Path) -> None:
    """Release 30.3 renamed the file and its columns; a row without a workplace example names no software."""
    write(tmp_path, "Occupation Data.txt", "O*NET-SOC Code\tTitle\tDescription\n1\tDeveloper\tx\n2\tTester\tx\n")
    write(
        tmp_path,
        "Software Skills.txt",
        "O*NET-SOC Code\tElement ID\tElement Name\tWorkplace Example\tHot Technology\tIn Demand\n"
        "1\t5.A.1\tDatabases\tMySQL\tY\tN\n2\t5.A.1\tDatabases\tMySQL\tN\tN\n1\t5.A.2\tVersions\tGit\tN\tY\n"
        "2\t5.A.2\tVersions\t\tN\tN\n",
    )
    system, counts = count_taxonomy_rows(tmp_path)
    taken = {count.rows: (count.rows_in, count.rows_out) for count in counts}
    assert (system, taken["distinct technologies"], taken["occupation technologies"]) == ("onet", (2, 2), (4, 3))
    taxonomy = load_onet(tmp_path).taxonomy
    assert taxonomy.skills.select("skill_id", "capability_name").rows() == [("Git", "Versions"), ("MySQL", "Databases")]
    assert ("Tester", "MySQL", "optional") in taxonomy.role_profiles.rows()


TABIYA_NAMES = {
    "skill_groups.csv": "skillGroups.csv",
    "skill_hierarchy.csv": "skills_hierarchy.csv",
    "skill_to_skill_relations.csv": "skill_skill_relations.csv",
    "occupation_to_skill_relations.csv": "occupation_skill_relations.csv",
}


def tabiya(folder: Path, names: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in {
        "skills.csv": "ORIGINURI,ID,PREFERREDLABEL,ALTLABELS,DESCRIPTION\n,k1,query tables,,\n,k2,join tables,,\n",
        "skill_groups.csv": "ID,PREFERREDLABEL\nk9,databases\n",
        "skill_hierarchy.csv": "PARENTOBJECTTYPE,PARENTID,CHILDID\nskillgroup,k9,k1\nskillgroup,k9,k2\n",
        "skill_to_skill_relations.csv": "REQUIRINGID,RELATIONTYPE,REQUIREDID\nk2,essential,k1\n",
        "occupation_to_skill_relations.csv": "OCCUPATIONID,RELATIONTYPE,SKILLID\nk5,essential,k1\n",
        "occupations.csv": "ID,PREFERREDLABEL\nk5,analyst\n",
    }.items():
        write(folder, names.get(name, name), text)
    return folder


@pytest.mark.parametrize("names", [{}, TABIYA_NAMES], ids=["present names", "names of the first release"])
def test_tabiya_is_read_under_both_its_file_names(names: dict[str, str], tmp_path: Path) -> None:
    """tabiya-tech/tabiya-open-dataset, and its first release tabiya-esco-v1.1.1."""
    system, counts = count_taxonomy_rows(tabiya(tmp_path / "tabiya", names))
    assert system == "esco"
    assert {count.rows: count.rows_out for count in counts} == {
        "skills": 2,
        "hierarchy rows": 2,
        "skill relations": 1,
        "of these, prerequisites": 1,
        "occupation relations": 1,
    }


def test_esco_without_its_relation_files_names_each_missing_file_and_what_it_is_for(tmp_path: Path) -> None:
    write(tmp_path, "skills_en.csv", "conceptType,conceptUri,preferredLabel,altLabels,description\nK,s1,write SQL,,\n")
    write(tmp_path, "skillGroups_en.csv", "conceptType,conceptUri,preferredLabel\nG,g1,databases\n")
    system, counts = count_taxonomy_rows(tmp_path)
    missing = [count.left_out for count in counts if count.left_out]
    assert system == "esco"
    assert [sentence.split("no file ")[1].split(":")[0] for sentence in missing] == [
        "broaderRelationsSkillPillar*.csv",
        "skillSkillRelations*.csv",
        "occupationSkillRelations*.csv",
        "occupations_*.csv",
    ]
    assert "skills get no prerequisites" in missing[1]


def nice(folder: Path) -> Path:
    """NIST's JSON: the reference tool wraps the lists in `response` and `elements`."""
    elements = [
        ("WRL-1", "work_role", "Analyst", "Analyses."),
        ("S0001", "skill", "", "Skill in writing queries"),
        ("K0001", "knowledge", "", "Knowledge of databases"),
        ("T0001", "task", "", "Write queries"),
        ("COM-1", "competency_area", "Data", "Data."),
    ]
    pairs = [("WRL-1", "S0001"), ("WRL-1", "T0001"), ("COM-1", "S0001"), ("COM-1", "K0001")]
    lists = {
        "elements": [
            {"element_identifier": code, "element_type": kind, "title": title, "text": text}
            for code, kind, title, text in elements
        ],
        "relationships": [
            {
                "source_element_identifier": source,
                "dest_element_identifier": target,
                "relationship_identifier": "projection",
            }
            for source, target in pairs
        ],
    }
    return write(folder, "v2-2-0_nf_components.json", json.dumps({"response": {"elements": lists}}))


def test_statements_of_nice_are_micro_skills_and_its_work_roles_are_roles(tmp_path: Path) -> None:
    taxonomy = load_nice(nice(tmp_path)).taxonomy
    assert taxonomy.skills.select("skill_id", "skill_name", "capability_name").rows() == [
        ("K0001", "Knowledge of databases", "Data"),
        ("S0001", "Skill in writing queries", "Data"),
    ]
    assert taxonomy.role_profiles.rows() == [("Analyst", "S0001", "essential")]
    system, counts = count_taxonomy_rows(tmp_path)
    tasks = next(count for count in counts if count.rows == "tasks")
    assert (system, tasks.rows_in, tasks.rows_out, tasks.left_out) == ("nice", 1, 0, "a task is work, not a skill")


@pytest.mark.parametrize(("text", "message"), [("{", "is not JSON"), ("[]", "no list `elements`")])
def test_a_file_that_is_not_nice_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=message):
        load_nice(write(tmp_path, "nice.json", text))


def test_competences_of_digcomp_are_micro_skills_and_its_areas_are_capabilities(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "digCompSkillsCollection_en.csv",
        "conceptType,conceptUri,preferredLabel,status,skillType,reuseLevel,altLabels,description,broaderConceptUri,"
        "broaderConceptPT\nK,a1,safety,released,s,r,,,,\nK,c1,protect devices,released,s,r,secure devices,d,a1 | x,"
        "safety | y\n",
    )
    loaded = load_digcomp(path)
    assert loaded.taxonomy.skills.select("skill_id", "skill_name", "capability_id", "capability_name").rows() == [
        ("c1", "protect devices", "a1", "safety")
    ]
    assert ("secure devices", "c1") in loaded.taxonomy.aliases.rows()
    assert count_taxonomy_rows(tmp_path)[0] == "digcomp"


def test_the_data_supplement_of_digcomp_3_is_read_by_the_position_of_its_columns(tmp_path: Path) -> None:
    header = ["No", "Area", "Description", "No", "Competence", "Description"]
    rows = [
        header,
        ["4.0", "Safety", "x", "4.1", "Protecting devices", "d"],
        ["4.0", "Safety", "x", "4.2", "Protecting data", ""],
    ]
    path = write_workbook(tmp_path / "DigComp 3.0 Data Supplement.xlsx", rows, sheet="1 Competence Areas&Competences")
    assert load_digcomp(path).taxonomy.skills.select("skill_id", "skill_name", "capability_id").rows() == [
        ("4.1", "Protecting devices", "4"),
        ("4.2", "Protecting data", "4"),
    ]
    assert count_taxonomy_rows(path)[0] == "digcomp"
    with pytest.raises(TaxonomyError, match="needs the sheet"):
        load_digcomp(write_workbook(tmp_path / "DigComp other.xlsx", rows, sheet="Glossary"))


@pytest.mark.parametrize("file", ["skills_en.csv", "skills.csv"])
def test_an_empty_taxonomy_file_is_called_empty(file: str, tmp_path: Path) -> None:
    header = {"skills_en.csv": "conceptUri,preferredLabel", "skills.csv": "ID,PREFERREDLABEL"}[file]
    write(tmp_path, file, f"{header}\n")
    with pytest.raises(TaxonomyError, match=f"{file} is empty: it has a header and no row"):
        load_esco(tmp_path)


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
    taxonomy = read_declared_taxonomy(TaxonomyConfig(system="esco", folder="esco"), tmp_path, NO_TEXTS).taxonomy
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


def test_the_skills_of_esco_alone_are_known_by_their_headers(tmp_path: Path) -> None:
    esco_folder, own_folder = tmp_path / "esco", tmp_path / "own"
    esco_folder.mkdir()
    own_folder.mkdir()
    skill_rows = "conceptType,conceptUri,preferredLabel,altLabels,description\nKnowledgeSkillCompetence,s1,SQL,,\n"
    skills_file = write(esco_folder, "skills_en.csv", skill_rows)
    write(own_folder, "skills_en.csv", "skill_id,name\ns1,SQL\n")
    publisher, counts = count_taxonomy_rows(esco_folder)
    assert (publisher, counts[0].rows_in, counts[0].rows_out) == ("esco", 1, 1)
    assert [detect_taxonomy(path) for path in (skills_file, own_folder)] == ["esco", None]


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
    counts = {taxonomy_count.rows: taxonomy_count for taxonomy_count in count_taxonomy_rows(SHARED / folder)[1]}
    for rows, count in whole.items():
        assert (counts[rows].rows_in, counts[rows].rows_out) == (count, count)
    assert all(
        taxonomy_count.left_out
        for taxonomy_count in counts.values()
        if taxonomy_count.rows_in != taxonomy_count.rows_out
    )
