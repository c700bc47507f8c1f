"""A new release of a published taxonomy between two runs: skills removed, merged and renamed; codes of courses."""

from pathlib import Path

import polars as pl
import pytest
from changing_company import PEOPLE, WORK, Company, read_published, write_csv, write_report, write_times

from pipelines.contracts.catalog import EVIDENCE, SKILL

pytestmark = pytest.mark.slow

SOURCES = (
    "as_of: newest_event",
    "sources:",
    "  - {name: hr, system: bamboohr, path: hr.csv, delivery: full}",
    "  - {name: times, system: toggl, path: times.csv, delivery: full}",
)
PEOPLE_AND_HOURS = {
    "hr.csv": write_report(PEOPLE),
    "times.csv": write_times((*WORK, "61 ETL", "62 ETL", "64 Java", "65 Java")),
}


def read_evidence(company: Company) -> dict[str, list[str]]:
    """Return the people with hours of each micro-skill."""
    evidence = company.lake.scan(EVIDENCE).filter(pl.col("source_name") == "times").collect()
    people_by_skill = evidence.group_by("skill_id").agg(pl.col("person_id").unique().sort()).sort("skill_id")
    return dict(people_by_skill.iter_rows())


ESCO = "http://data.europa.eu/esco/skill/"
GROUP = ESCO + "group"


def write_esco(skills: dict[str, tuple[str, str]], essential: tuple[str, str]) -> dict[str, str]:
    """Write the download of the Commission.

    Args:
        skills: Preferred label, and alternative labels separated by line ends, per end of the skill's URI.
        essential: A skill and one that it requires.
    """
    rows = [(ESCO + code, label, aliases, "") for code, (label, aliases) in skills.items()]
    files = {
        "skills_en.csv": (("conceptUri", "preferredLabel", "altLabels", "description"), rows),
        "skillGroups_en.csv": (("conceptUri", "preferredLabel"), [(GROUP, "working with data")]),
        "broaderRelationsSkillPillar_en.csv": (("conceptUri", "broaderUri"), [(row[0], GROUP) for row in rows]),
        "skillSkillRelations_en.csv": (
            ("originalSkillUri", "relatedSkillUri", "relationType"),
            [(ESCO + essential[0], ESCO + essential[1], "essential")],
        ),
    }
    return {f"esco/{name}": write_csv(*content) for name, content in files.items()}


def test_a_new_release_of_esco_removes_merges_and_renames_skills(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.configure("company: ESCO", *SOURCES, "taxonomy: {system: esco, folder: esco, aliases: aliases.csv}")
    first_release = {
        "1": ("SQL", "structured query language"),
        "2": ("dbt", ""),
        "3": ("use version control", "Git\nversion control"),
        "4": ("ETL", "extract, transform, load"),
        "5": ("Java", ""),
    }
    no_aliases = write_csv(("name", "skill_id"), [])
    first = company.run({**PEOPLE_AND_HOURS, **write_esco(first_release, ("2", "1")), "aliases.csv": no_aliases})
    assert first.vanished_sentences == ()
    hours = {"1": ["61", "62"], "2": ["61", "62", "63"], "3": ["61", "62", "63"], "4": ["61", "62"], "5": ["64", "65"]}
    assert read_evidence(company) == {ESCO + code: people for code, people in hours.items()}

    # Java is gone, ETL was merged into dbt, which only the company's aliases say, and SQL has another label
    later_release = {
        "1": ("query databases", "SQL"),
        "2": ("dbt", ""),
        "3": ("use version control", "Git\nversion control"),
        "6": ("data modelling", ""),
    }
    aliases = write_csv(("name", "skill_id"), [("ETL", f"{ESCO}2"), (f"{ESCO}4", f"{ESCO}2")])
    second = company.run({**write_esco(later_release, ("6", "1")), "aliases.csv": aliases})
    assert company.core_values(SKILL, "skill_id") == [ESCO + code for code in later_release]
    assert company.core_values(SKILL, "skill_name") == sorted(label for label, _ in later_release.values())
    assert read_evidence(company) == {ESCO + code: hours[code] for code in ("1", "2", "3")}
    assert company.unknown_texts() == {"java": 2}
    assert read_published(second, "skill_id") <= {ESCO + code for code in later_release}
    assert read_published(second, "person_id") == set(PEOPLE)
    (vanished,) = second.vanished_sentences
    assert vanished.startswith("1 micro-skill has vanished: Java. ")


def write_onet(example_header: str, group_headers: tuple[str, str], skills: tuple[str, ...]) -> str:
    header = ("O*NET-SOC Code", example_header, *group_headers, "Hot Technology", "In Demand")
    rows = [("15-2051.00", skill, "43232300", "Data software", "Y", "N") for skill in skills]
    return "\n".join("\t".join(row) for row in (header, *rows)) + "\n"


def test_a_new_release_of_onet_in_its_new_form_removes_merges_and_renames_technologies(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.configure("company: O*NET", *SOURCES, "taxonomy: {system: onet, folder: onet, aliases: aliases.csv}")
    groups = ("Commodity Code", "Commodity Title")
    technologies = write_onet("Example", groups, ("SQL", "dbt", "Git", "ETL", "Java"))
    occupations = "O*NET-SOC Code\tTitle\n15-2051.00\tData Scientists\n"
    first = company.run(
        {
            **PEOPLE_AND_HOURS,
            "onet/Technology Skills.txt": technologies,
            "onet/Occupation Data.txt": occupations,
            "aliases.csv": write_csv(("name", "skill_id"), []),
        }
    )
    assert first.vanished_sentences == ()
    hours = {"ETL": ["61", "62"], "Git": ["61", "62", "63"], "Java": ["64", "65"]}
    assert read_evidence(company) == {**hours, "SQL": ["61", "62"], "dbt": ["61", "62", "63"]}

    # release 30.3 has another file, which lies beside that of 30.2; Git has another name, and ETL was merged into dbt
    software = write_onet("Workplace Example", ("Element ID", "Element Name"), ("SQL", "dbt", "Git version control"))
    aliases = write_csv(("name", "skill_id"), [("ETL", "dbt"), ("Git", "Git version control")])
    second = company.run({"onet/Software Skills.txt": software, "aliases.csv": aliases})
    assert company.core_values(SKILL, "skill_id") == ["Git version control", "SQL", "dbt"]
    assert read_evidence(company) == {
        "Git version control": hours["Git"],
        "SQL": ["61", "62"],
        "dbt": ["61", "62", "63"],
    }
    assert company.unknown_texts() == {"java": 2}
    assert read_published(second, "skill_id") <= {"Git version control", "SQL", "dbt"}
    (vanished,) = second.vanished_sentences
    assert vanished.startswith("1 micro-skill has vanished: Java. ")


LOG_HEADER = ("id", "eventname", "userid", "courseid", "relateduserid", "timecreated")
COMPLETIONS_HEADER = ("UserID", "CourseID", "CompletionDate", "ContentType", "Provider")
COMPLETED = r"\core\event\course_completed"
CATALOGUE = """
  - name: {system}_catalogue
    system: tabular
    shape: course_catalogue
    path: {system}_catalogue.csv
    delivery: full
    mapping: {{course_code: code, course_name: title, skill_text: skills}}
    serves: [{system}]"""


def test_codes_of_moodle_and_degreed_count_once_the_catalogue_of_each_names_them(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.configure(
        "company: Codes",
        *SOURCES,
        "  - {name: moodle, system: moodle, path: log.csv, accounts: employee_number}",
        "  - {name: degreed, system: degreed, path: completions.csv}",
        *(CATALOGUE.format(system=system) for system in ("moodle", "degreed")),
        "taxonomy: {system: tabular, skills: skills.csv}",
    )
    catalogue_header = ("code", "title", "skills")
    # both systems have a course 3
    log = [
        ("1", COMPLETED, "2", "3", "61", "1777700000"),
        ("2", COMPLETED, "2", "4", "62", "1777700060"),
        ("3", r"\core\event\course_viewed", "64", "3", "", "1777700120"),
    ]
    completions = [
        ("63@acme.example", "3", "2026-05-03", "Course", "Acme"),
        ("64@acme.example", "GIT-1", "2026-05-04", "Course", "Acme"),
    ]
    other = write_csv(catalogue_header, [("other", "Another course", "")])
    company.run(
        {
            "hr.csv": write_report(PEOPLE),
            "times.csv": write_times(WORK),
            "skills.csv": write_csv(("skill_id", "name"), [(skill, skill) for skill in ("SQL", "dbt", "Git")]),
            "log.csv": write_csv(LOG_HEADER, log),
            "completions.csv": write_csv(COMPLETIONS_HEADER, completions),
            "moodle_catalogue.csv": other,
            "degreed_catalogue.csv": other,
        }
    )
    assert company.unknown_texts() == {"3": 2, "4": 1, "git 1": 1}
    second = company.run(
        {
            "moodle_catalogue.csv": write_csv(catalogue_header, [("3", "Queries", "SQL"), ("4", "Models", "dbt")]),
            "degreed_catalogue.csv": write_csv(catalogue_header, [("3", "Versions of files", "Git")]),
        }
    )
    evidence = company.lake.scan(EVIDENCE).filter(pl.col("source_name").is_in(["moodle", "degreed"]))
    of_courses = evidence.select("source_name", "person_id", "skill_id").unique().collect().sort(pl.all()).rows()
    assert of_courses == [("degreed", "63", "Git"), ("moodle", "61", "SQL"), ("moodle", "62", "dbt")]
    assert company.unknown_texts() == {"git 1": 1}
    notices = {source["name"]: source["notices"] for source in second.source_states}
    assert notices["moodle"] == []
