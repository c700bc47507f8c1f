"""A run matches each distinct text once; a changed taxonomy changes the matches and no row of an event."""

import ast
import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun, record_matched_texts
from dagster import AssetsDefinition, MetadataValue, materialize

from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import AS_OF_TAG
from assets.tables.core import core_assets, evidence
from assets.tables.recommendations import published_mastery
from assets.tables.skill_texts import skill_texts
from pipelines.config.company import read_config
from pipelines.contracts.catalog import (
    ALIAS,
    EVIDENCE,
    REPLY,
    SKILL,
    SKILL_TEXT,
    TABLES,
    TAXONOMY_RELATION,
    UNKNOWN_MENTION,
    WORKLOG,
)
from pipelines.contracts.output_tables import OUT_MASTERY
from pipelines.storage.lake import Lake

PACKAGES = Path(__file__).parents[3]
# What depends on the names of micro-skills; all other core tables are about people and what they did.
NAMED_TABLES = {table.name for table in (SKILL, ALIAS, SKILL_TEXT, EVIDENCE, UNKNOWN_MENTION, TAXONOMY_RELATION)}


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, folder, ignore=shutil.ignore_patterns("dagster_home", "published"))
    return folder


def run(root: Path, assets: list[AssetsDefinition]) -> set[str]:
    """Materialize the assets; the names of the tables that were computed."""
    pipeline = PipelineResource(
        data_root=str(root), config_path=str(root / "footsteps.yaml"), landing_path=str(root / "landing")
    )
    result = materialize(assets, resources={"pipeline": pipeline}, tags={AS_OF_TAG: END.isoformat()})
    return {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.materialization.metadata.get("unchanged") != MetadataValue.bool(True)
    }


def distinct_texts(root: Path) -> list[tuple[str, bool]]:
    matches = Lake(root / "lake").scan(SKILL_TEXT).collect()
    return sorted(matches.select("skill_text", "is_matched_whole").unique().rows())


def test_a_run_matches_each_distinct_text_once(demo_run: DemoRun) -> None:
    assert len(demo_run.matched_texts) > 1_000
    assert sorted(demo_run.matched_texts) == distinct_texts(demo_run.settings.root)


def test_the_tables_of_all_texts_are_covered(demo_run: DemoRun) -> None:
    lake = Lake(demo_run.settings.root / "lake")
    matched = (
        lake.scan(SKILL_TEXT).filter(~pl.col("is_matched_whole")).select("skill_text").unique().collect().to_series()
    )
    for table in (table for table in TABLES.values() if "skill_text" in table.column_names and table is not SKILL_TEXT):
        texts = lake.scan(table).select("skill_text").drop_nulls().unique().collect().to_series()
        assert set(texts) <= set(matched), table.name


def test_nothing_else_matches_the_texts_of_tables() -> None:
    """Only the table is made by matching; `footsteps reply` matches the one text that a person typed."""
    importers = {
        (alias.name, path.relative_to(PACKAGES).as_posix())
        for package in ("pipelines", "assets", "ml", "benchmarks")
        for path in (PACKAGES / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in ("match_texts", "match_skills")
    }
    assert importers == {
        ("match_texts", "pipelines/core/skill_texts.py"),
        ("match_skills", "assets/cli/feedback/reply.py"),
    }


def test_a_changed_taxonomy_changes_the_matches_and_no_row_of_an_event(root: Path) -> None:
    lake, core = Lake(root / "lake"), core_assets(read_config(root / "footsteps.yaml"))
    assert run(root, core) == set()
    texts = distinct_texts(root)
    before = {name: lake.content_hash(table) for name, table in TABLES.items() if name.startswith("core_")}
    # a micro-skill gets the name of the first text that no micro-skill had
    unknown = lake.scan(UNKNOWN_MENTION).sort("mention_text").collect()["mention_text"][0]
    file = root / "landing" / "taxonomy" / "skills.csv"
    skills = pl.read_csv(file, infer_schema=False)
    aliases = pl.when(pl.int_range(pl.len()) == 0).then(
        pl.concat_str(pl.col("aliases").fill_null(""), pl.lit(f"|{unknown}"))
    )
    skills.with_columns(aliases.otherwise("aliases").alias("aliases")).write_csv(file)
    with record_matched_texts() as matched:
        computed = run(root, core)
    assert sorted(matched) == texts
    changed = {name for name, content in before.items() if lake.content_hash(TABLES[name]) != content}
    assert changed == {ALIAS.name, SKILL_TEXT.name, EVIDENCE.name, UNKNOWN_MENTION.name} & changed
    assert {ALIAS.name, SKILL_TEXT.name, UNKNOWN_MENTION.name} <= changed
    assert {name for name in computed if name.startswith("core_")} & {WORKLOG.name, REPLY.name} == set()
    assert unknown not in lake.scan(UNKNOWN_MENTION).collect()["mention_text"].to_list()


def test_a_new_text_of_one_person_is_matched_alone_and_makes_nobody_elses_rows_stale(root: Path) -> None:
    lake, assets = Lake(root / "lake"), [skill_texts, evidence, published_mastery]
    assert run(root, assets) == set()
    row = lake.scan(WORKLOG).head(1).with_columns(skill_text=pl.lit("A text|that is new"), record_code=pl.lit("new"))
    lake.merge(WORKLOG, row.collect(), row.select("source_name", "record_code").collect())
    with record_matched_texts() as matched:
        assert run(root, assets) == {SKILL_TEXT.name, EVIDENCE.name}
    assert matched == [("A text|that is new", False)]
    assert run(root, assets) == set()
    assert OUT_MASTERY.name not in run(root, [published_mastery])
