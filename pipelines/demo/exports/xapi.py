"""The learning of the demo company as xAPI 1.0.3 statements, one JSON object per line, one file per month.

Belongs here: started and completed courses, failed and passed tests, voided statements, and the errors of the feed.
People are e-mail addresses (mbox) or accounts named by employee number; verbs are those of cmi5.
Does not belong here: reading statements.
"""

import json

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import draw_times
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    PlantedError,
)
from pipelines.demo.simulation.people import DOMAIN
from pipelines.demo.simulation.world import History, World

VERBS = "http://adlnet.gov/expapi/verbs/"
COURSES = "https://learn.hollowpine.example/courses/"
TESTS = "https://learn.hollowpine.example/tests/"
ACCOUNTS = "https://id.hollowpine.example"
TITLES = ("Foundations: ", "Practice lab: ", "Short course: ")
ABANDONED_SHARE = 0.04  # courses started and never completed
VOIDED_SHARE = 0.004  # completions recorded by mistake and voided
FAILED_FIRST_SHARE = 0.25  # tests passed at the second attempt
MALFORMED_SHARE = 0.0005
CUT_AFTER = 60  # characters of a line that a broken transfer left
PASSING_SCORE = 3
UNKNOWN_ACTOR = json.dumps({"objectType": "Agent", "mbox": f"mailto:guest@partner.{DOMAIN}"}, separators=(",", ":"))
EVENT_COLUMNS = ("person", "skill", "day", "verb", "score", "minutes", "is_test")


def write_xapi(world: World, history: History, export_folder: ExportFolder) -> None:
    """Append the block's statements, month by month."""
    rng = np.random.default_rng([world.seed, 14, history.block_number])
    statements = format_statements(world, collect_events(world, history, rng), history.block_number, rng)
    planted_errors = (
        PlantedError("bad_date", BAD_DATE_SHARE, "timestamp", pl.lit("2025-13-45T99:00:00Z")),
        PlantedError("unknown_person", UNKNOWN_PERSON_SHARE, "actor", pl.lit(UNKNOWN_ACTOR)),
        PlantedError("mixed_case", MIXED_CASE_SHARE, "actor", pl.col("uppercase_actor")),
        PlantedError("malformed_line", MALFORMED_SHARE, "is_cut", pl.lit(True)),
    )
    for (month,), month_statements in statements.sort("at", "id").group_by("month", maintain_order=True):
        file_name = f"learning/statements_{month}.jsonl"
        statements_with_errors = export_folder.plant_errors(
            file_name, month_statements.with_columns(is_cut=pl.lit(False)), planted_errors, rng, needs_every_kind=False
        )
        statement_lines = format_lines(statements_with_errors)
        export_folder.append_lines(
            file_name, statement_lines.str.head(CUT_AFTER).zip_with(statements_with_errors["is_cut"], statement_lines)
        )
        export_folder.count_errors(file_name, "voided", month_statements.filter(verb_name="voided").height)


def collect_events(world: World, history: History, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per learning event, in EVENT_COLUMNS; `score` is a share, null if there is none."""
    courses, skill_count = history.courses, world.catalog.skill_count
    started_courses = courses.select(
        "person", "skill", pl.col("opened_day").alias("day"), pl.lit("initialized").alias("verb")
    )
    completed_courses = courses.select("person", "skill", "day", pl.lit("completed").alias("verb"), pl.col("minutes"))
    abandoned_courses = started_courses.filter(pl.Series(rng.random(started_courses.height) < ABANDONED_SHARE))
    abandoned_courses = abandoned_courses.with_columns(
        pl.Series("skill", rng.integers(0, skill_count, abandoned_courses.height))
    )
    mistaken_courses = completed_courses.filter(pl.Series(rng.random(completed_courses.height) < VOIDED_SHARE))
    mistaken_courses = mistaken_courses.with_columns(
        pl.Series("skill", rng.integers(0, skill_count, mistaken_courses.height)), pl.lit("mistaken").alias("verb")
    )
    test_results = history.judgements.filter(pl.col("kind") == "passed")
    test_score, has_passed = pl.col("score"), pl.col("score") >= PASSING_SCORE
    score_share = pl.when(has_passed).then(test_score.cast(pl.Float64) * 0.1 + 0.44).otherwise(test_score * 0.15 + 0.1)
    test_results = test_results.select(
        "person",
        "skill",
        "day",
        (score_share + pl.Series(rng.random(test_results.height) * 0.06)).round(2).alias("score"),
        pl.when(has_passed).then(pl.lit("passed")).otherwise(pl.lit("failed")).alias("verb"),
        pl.lit(True).alias("is_test"),
    )
    first_attempts = test_results.filter(
        pl.Series(rng.random(test_results.height) < FAILED_FIRST_SHARE) & (test_results["verb"] == "passed")
    ).with_columns(pl.col("day") - 7, pl.lit("failed").alias("verb"), (pl.col("score") - 0.35).round(2))
    return (
        pl.concat(
            [started_courses, completed_courses, abandoned_courses, mistaken_courses, test_results, first_attempts],
            how="diagonal_relaxed",
        )
        .with_columns(pl.col("is_test").fill_null(False))
        .select(EVENT_COLUMNS)
    )


def format_statements(world: World, events: pl.DataFrame, block_number: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return one row per statement: its parts as JSON texts, its month and moment; a mistaken completion is voided."""
    person_numbers, skill_numbers, catalog = events["person"], events["skill"], world.catalog
    # decimal digits are hexadecimal digits too: block and row make an id that is unique and always the same
    id_prefix = f"{world.seed % 10**8:08d}-{block_number % 10**4:04d}-4000-8000-"
    statements = events.with_columns(
        (pl.lit(id_prefix) + (pl.int_range(pl.len()) + 1).cast(pl.String).str.zfill(12)).alias("id"),
        (pl.Series(TITLES).gather(skill_numbers % len(TITLES)) + catalog.phrases.gather(skill_numbers)).alias("title"),
        catalog.labels.gather(skill_numbers).alias("slug"),
        draw_times(events["day"], rng).alias("at"),
        pl.col("verb").replace({"mistaken": "completed"}).alias("verb_name"),
        world.people["work_email"].gather(person_numbers).alias("email"),
        world.people["employee_number"].gather(person_numbers).alias("number"),
    )
    voiding_statements = statements.filter(pl.col("verb") == "mistaken").with_columns(
        pl.lit("voided").alias("verb_name"),
        pl.col("at") + pl.duration(minutes=40),
        pl.col("id").alias("target"),
        pl.col("id").str.replace("-4000-", "-4001-"),
    )
    agent_template = '{"objectType":"Agent","mbox":"mailto:%s"}'
    account_json = _fill_json_template(
        '{"objectType":"Agent","account":{"homePage":"' + ACCOUNTS + '","name":"%s"}}', "number"
    )
    # two people in three are an e-mail address, the others an account
    actor_json = (
        pl.when(pl.col("person") % 3 > 0).then(_fill_json_template(agent_template, "email")).otherwise(account_json)
    )
    time_format = "%Y-%m-%dT%H:%M:%SZ"
    return pl.concat([statements, voiding_statements], how="diagonal").select(
        "id",
        "verb_name",
        "at",
        actor_json.alias("actor"),
        _fill_json_template(agent_template, pl.col("email").str.to_uppercase()).alias("uppercase_actor"),
        _build_object_json().alias("object"),
        _build_result_json().alias("result"),
        pl.col("at").dt.strftime(time_format).alias("timestamp"),
        (pl.col("at") + pl.duration(seconds=3)).dt.strftime(time_format).alias("stored"),
        pl.col("at").dt.strftime("%Y-%m").alias("month"),
    )


def format_lines(statements: pl.DataFrame) -> pl.Series:
    """Return each statement as one line of JSON."""
    return statements.select(
        line=_fill_json_template(
            '{"id":"%s","actor":%s,"verb":{"id":"' + VERBS + '%s","display":{"en-US":"%s"}},"object":%s%s,'
            '"timestamp":"%s","stored":"%s","version":"1.0.3"}',
            "id",
            "actor",
            "verb_name",
            "verb_name",
            "object",
            _fill_json_template(',"result":%s', "result").fill_null(""),
            "timestamp",
            "stored",
        )
    ).to_series()


def _build_object_json() -> pl.Expr:
    """The object as JSON: a course, a test, or the statement that is voided."""
    activity_json = _fill_json_template(
        '{"objectType":"Activity","id":"%s%s","definition":{"type":"http://adlnet.gov/expapi/activities/%s",'
        '"name":{"en-US":"%s"}}}',
        pl.when("is_test").then(pl.lit(TESTS)).otherwise(pl.lit(COURSES)),
        "slug",
        pl.when("is_test").then(pl.lit("assessment")).otherwise(pl.lit("course")),
        "title",
    )
    reference_json = _fill_json_template('{"objectType":"StatementRef","id":"%s"}', "target")
    return pl.when(pl.col("target").is_not_null()).then(reference_json).otherwise(activity_json)


def _build_result_json() -> pl.Expr:
    """The result as JSON, null if there is none: xAPI forbids nulls within a statement."""
    minutes = pl.col("minutes")
    duration_json = _fill_json_template('{"completion":true,"duration":"PT%sH%sM"}', minutes // 60, minutes % 60)
    success_text = pl.when(pl.col("verb") == "passed").then(pl.lit("true")).otherwise(pl.lit("false"))
    score_json = _fill_json_template('{"success":%s,"score":{"scaled":%s}}', success_text, "score")
    return (
        pl.when(pl.col("target").is_not_null())
        .then(None)
        .when("is_test")
        .then(score_json)
        .when(minutes.is_not_null())
        .then(duration_json)
    )


def _fill_json_template(template: str, *field_values: pl.Expr | str) -> pl.Expr:
    """Put values (expressions or names of columns) in place of each %s; `pl.format` would read the braces of JSON."""
    template_literals = map(pl.lit, template.split("%s"))
    return pl.concat_str(
        json_piece
        for literal_with_value in zip(template_literals, (*field_values, pl.lit("")), strict=True)
        for json_piece in literal_with_value
    )
