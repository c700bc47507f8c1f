"""The learning of the demo company as xAPI 1.0.3 statements, one JSON object a line, one file a month.

Belongs here: courses begun and completed, tests failed and passed, statements taken back, and the feed's dirt.
People are e-mail addresses (mbox) or accounts named by employee number; verbs are those of cmi5.
Does not belong here: reading statements.
"""

import json

import numpy as np
import polars as pl

from pipelines.demo.exports.export_folder import ExportFolder
from pipelines.demo.exports.formats import clock
from pipelines.demo.exports.planted_errors import (
    BAD_DATE_SHARE,
    MIXED_CASE_SHARE,
    UNKNOWN_PERSON_SHARE,
    DirtLedger,
    Spoil,
    spoil,
)
from pipelines.demo.simulation.catalog import Catalog
from pipelines.demo.simulation.people import DOMAIN
from pipelines.demo.simulation.world import History, World

VERBS = "http://adlnet.gov/expapi/verbs/"
COURSES = "https://learn.hollowpine.example/courses/"
TESTS = "https://learn.hollowpine.example/tests/"
ACCOUNTS = "https://id.hollowpine.example"
TITLES = ("Foundations: ", "Practice lab: ", "Short course: ")
ABANDONED_SHARE = 0.04  # courses opened and never completed
VOIDED_SHARE = 0.004  # completions recorded by mistake and taken back
FAILED_FIRST_SHARE = 0.25  # tests passed at the second attempt
MALFORMED_SHARE = 0.0005
CUT_AFTER = 60  # characters of a line that a broken transfer left
PASS_FROM_SCORE = 3
STRANGER = json.dumps({"objectType": "Agent", "mbox": f"mailto:guest@partner.{DOMAIN}"}, separators=(",", ":"))
EVENT_COLUMNS = ("person", "skill", "day", "verb", "score", "minutes", "is_test")


def write_xapi(world: World, history: History, folder: ExportFolder, ledger: DirtLedger) -> None:
    """The block's statements, appended month by month."""
    rng = np.random.default_rng([world.seed, 14, history.block])
    events = collect_events(world, history, rng)
    printed = print_statements(world, events, history.block, rng)
    for (month,), rows in printed.sort("at", "id").group_by("month", maintain_order=True):
        file = f"learning/statements_{month}.jsonl"
        clean = rows.drop("month", "at").with_columns(pl.lit(False).alias("is_cut"))
        spoils = (
            Spoil("bad_date", BAD_DATE_SHARE, "timestamp", pl.lit("2025-13-45T99:00:00Z")),
            Spoil("unknown_person", UNKNOWN_PERSON_SHARE, "actor", pl.lit(STRANGER)),
            Spoil("mixed_case", MIXED_CASE_SHARE, "actor", pl.col("shouted_actor")),
            Spoil("malformed_line", MALFORMED_SHARE, "is_cut", pl.lit(True)),
        )
        dirty = spoil(clean, file, spoils, ledger, rng, every_kind=False)
        ledger.note(file, "voided", int((clean["verb_name"] == "voided").sum()))
        lines = print_lines(dirty)
        folder.append_lines(file, lines.str.head(CUT_AFTER).zip_with(dirty["is_cut"], lines))


def collect_events(world: World, history: History, rng: np.random.Generator) -> pl.DataFrame:
    """One row per thing that happened in learning, in EVENT_COLUMNS; `score` is a share, null where none is given."""
    courses = history.courses
    opened = courses.select("person", "skill", pl.col("opened_day").alias("day"), pl.lit("initialized").alias("verb"))
    done = courses.select("person", "skill", "day", pl.lit("completed").alias("verb"), pl.col("minutes"))
    lost = opened.filter(pl.Series(rng.random(opened.height) < ABANDONED_SHARE))
    lost = lost.with_columns(pl.Series("skill", rng.integers(0, world.catalog.size, lost.height)))
    wrong = done.filter(pl.Series(rng.random(done.height) < VOIDED_SHARE))
    wrong = wrong.with_columns(
        pl.Series("skill", rng.integers(0, world.catalog.size, wrong.height)), pl.lit("mistaken").alias("verb")
    )
    tests = history.judgements.filter(pl.col("kind") == "passed").select("person", "skill", "day", "score")
    jitter = pl.Series(rng.random(tests.height) * 0.06)
    share = (tests["score"].cast(pl.Float64) * 0.1 + 0.44).zip_with(
        tests["score"] >= PASS_FROM_SCORE, tests["score"] * 0.15 + 0.1
    )
    verb = pl.select(
        pl.when(tests["score"] >= PASS_FROM_SCORE).then(pl.lit("passed")).otherwise(pl.lit("failed")).alias("verb")
    ).to_series()
    tests = tests.with_columns((share + jitter).round(2).alias("score"), verb, pl.lit(True).alias("is_test"))
    again = tests.filter(pl.Series(rng.random(tests.height) < FAILED_FIRST_SHARE) & (tests["verb"] == "passed"))
    again = again.with_columns(pl.col("day") - 7, pl.lit("failed").alias("verb"), (pl.col("score") - 0.35).round(2))
    events = pl.concat([opened, done, lost, wrong, tests, again], how="diagonal_relaxed")
    return events.with_columns(pl.col("is_test").fill_null(False)).select(EVENT_COLUMNS)


def print_statements(world: World, events: pl.DataFrame, block: int, rng: np.random.Generator) -> pl.DataFrame:
    """One row per statement with its parts as JSON texts, its month and moment; voiding ones point at the mistaken."""
    catalog: Catalog = world.catalog
    number = pl.int_range(events.height) + 1
    # Decimal digits are hexadecimal ones too: block and row make an id that is unique and always the same.
    tail = number.cast(pl.String).str.zfill(12)
    prefix = f"{world.seed % 10**8:08d}-{block % 10**4:04d}-4000-8000-"
    title = pl.Series(TITLES).gather(events["skill"] % len(TITLES)) + catalog.phrases.gather(events["skill"])
    at = clock(events["day"], rng)
    frame = events.with_columns(
        (pl.lit(prefix) + tail).alias("id"),
        title.alias("title"),
        catalog.labels.gather(events["skill"]).alias("slug"),
        at.alias("at"),
        pl.col("verb").replace({"mistaken": "completed"}).alias("verb_name"),
        world.people["work_email"].gather(events["person"]).alias("email"),
        world.people["employee_number"].gather(events["person"]).alias("number"),
    )
    undo = frame.filter(pl.col("verb") == "mistaken").with_columns(
        pl.lit("voided").alias("verb_name"),
        pl.col("at") + pl.duration(minutes=40),
        pl.col("id").alias("target"),
        pl.col("id").str.replace("-4000-", "-4001-"),
    )
    return pl.concat([frame, undo], how="diagonal").select(
        "id",
        "verb_name",
        "at",
        actor("email").alias("actor"),
        actor("shouted").alias("shouted_actor"),
        activity().alias("object"),
        result().alias("result"),
        pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("timestamp"),
        (pl.col("at") + pl.duration(seconds=3)).dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("stored"),
        pl.col("at").dt.strftime("%Y-%m").alias("month"),
    )


def actor(how: str) -> pl.Expr:
    """The agent as JSON: two people in three by e-mail address, the others by account; `shouted` is upper case."""
    email = pl.col("email").str.to_uppercase() if how == "shouted" else pl.col("email")
    by_mail = pl.concat_str(pl.lit('{"objectType":"Agent","mbox":"mailto:'), email, pl.lit('"}'))
    by_account = pl.concat_str(
        pl.lit(f'{{"objectType":"Agent","account":{{"homePage":"{ACCOUNTS}","name":"'), "number", pl.lit('"}}')
    )
    return pl.when((pl.col("person") % 3 > 0) | (how == "shouted")).then(by_mail).otherwise(by_account)


def activity() -> pl.Expr:
    """The object as JSON: a course, a test, or the statement that is taken back."""
    place = pl.when("is_test").then(pl.lit(TESTS)).otherwise(pl.lit(COURSES))
    kind = pl.when("is_test").then(pl.lit("assessment")).otherwise(pl.lit("course"))
    named = pl.concat_str(
        pl.lit('{"objectType":"Activity","id":"'),
        place,
        "slug",
        pl.lit('","definition":{"type":"http://adlnet.gov/expapi/activities/'),
        kind,
        pl.lit('","name":{"en-US":"'),
        "title",
        pl.lit('"}}}'),
    )
    reference = pl.concat_str(pl.lit('{"objectType":"StatementRef","id":"'), "target", pl.lit('"}'))
    return pl.when(pl.col("target").is_not_null()).then(reference).otherwise(named)


def result() -> pl.Expr:
    """The result as JSON, null where there is none: xAPI forbids nulls inside a statement."""
    duration = pl.concat_str(
        pl.lit('{"completion":true,"duration":"PT'),
        pl.col("minutes") // 60,
        pl.lit("H"),
        pl.col("minutes") % 60,
        pl.lit('M"}'),
    )
    success = pl.when(pl.col("verb") == "passed").then(pl.lit("true")).otherwise(pl.lit("false"))
    score = pl.concat_str(pl.lit('{"success":'), success, pl.lit(',"score":{"scaled":'), "score", pl.lit("}}"))
    scored = pl.when(pl.col("is_test")).then(score).when(pl.col("minutes").is_not_null()).then(duration)
    return pl.when(pl.col("target").is_null()).then(scored)


def print_lines(statements: pl.DataFrame) -> pl.Series:
    """Each statement as one line of JSON."""
    outcome = (
        pl.when(pl.col("result").is_null())
        .then(pl.lit(""))
        .otherwise(pl.concat_str(pl.lit(',"result":'), "result", ignore_nulls=True))
    )
    line = pl.concat_str(
        pl.lit('{"id":"'),
        "id",
        pl.lit('","actor":'),
        "actor",
        pl.lit(f',"verb":{{"id":"{VERBS}'),
        "verb_name",
        pl.lit('","display":{"en-US":"'),
        "verb_name",
        pl.lit('"}},"object":'),
        "object",
        outcome,
        pl.lit(',"timestamp":"'),
        "timestamp",
        pl.lit('","stored":"'),
        "stored",
        pl.lit('","version":"1.0.3"}'),
    )
    return statements.select(line.alias("line")).to_series()
