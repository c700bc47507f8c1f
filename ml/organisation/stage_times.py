"""How long people took from stage to stage: by micro-skill, by capability, and in the organisation.

Belongs here: which histories count, from which day to which, and what is told of them.
Does not belong here: the estimate (`ml.organisation.survival`).
"""

from datetime import date
from typing import Any

import polars as pl

from ml.organisation.survival import count_months, estimate_durations
from pipelines.contracts.columns import STAGES
from pipelines.contracts.craft_tables import STAGE_TIME
from pipelines.contracts.practice_columns import SCOPE_KINDS
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

# Fewer histories give no range that helps anybody: the interval of the median of ten spans most of them.
LEAST_BEGINNERS = 10
# What seems to begin while the exports begin may have begun long before: the first months are not trusted.
WASH_IN_DAYS = 180
STAGE_TIME_COLUMNS = tuple(column for column in STAGE_TIME.column_names if column not in ROW_METADATA_COLUMNS)
_PAIR = ("person_id", "skill_id")
# From where to where times are told: from the beginning to each stage, and from one stage to the next.
TRANSITIONS = (("apprentice", "journeyman"), ("apprentice", "master"), ("journeyman", "master"))
_ENTIRE_ORGANISATION = "all"
# Shares as people say them; the nearest one is told.
_SHARE_TEXTS = {
    1 / 10: "a tenth has",
    1 / 5: "a fifth has",
    1 / 4: "a quarter has",
    1 / 3: "a third has",
    2 / 5: "two fifths have",
    1 / 2: "half have",
    3 / 5: "three fifths have",
    2 / 3: "two thirds have",
    3 / 4: "three quarters have",
    4 / 5: "four fifths have",
    9 / 10: "nine tenths have",
}


def list_durations(reached_steps: pl.DataFrame, people: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """List how long each person took from stage to stage in each micro-skill, or has been on the way.

    A history ends on the day of the run, or when its person left. It counts if its beginning is known: the person was
    hired after the exports began, or the beginning lies `WASH_IN_DAYS` after that.

    Args:
        reached_steps: Rows in the contract of `REACHED_STEP`: person_id, skill_id, kind, to_stage, reached_at.
        people: person_id, hired_date, left_date; a person without a row has neither.
        as_of: The day of the run.

    Returns:
        One row per person, micro-skill and pair of stages of `TRANSITIONS` that began: person_id, skill_id, from_stage,
        to_stage, duration_days, is_reached.
    """
    stage_dates = (
        reached_steps.filter(pl.col("kind").is_in(["new", "deepen"]))
        .group_by(*_PAIR)
        .agg(
            pl.col("reached_at").filter(pl.col("to_stage") == stage).min().dt.date().alias(stage)
            for stage in STAGES[1:]
        )
    )
    exports_begin = pl.col("apprentice").min()
    is_beginning_known = (pl.col("apprentice") >= exports_begin + pl.duration(days=WASH_IN_DAYS)) | (
        pl.col("hired_date") >= exports_begin
    ).fill_null(False)
    histories = (
        stage_dates.join(people.select("person_id", "hired_date", "left_date"), on="person_id", how="left")
        .filter(is_beginning_known)
        .with_columns(pl.min_horizontal(pl.lit(as_of), "left_date").alias("end_date"))
    )
    durations = [
        histories.filter(pl.col(from_stage).is_not_null()).select(
            *_PAIR,
            pl.lit(from_stage).alias("from_stage"),
            pl.lit(to_stage).alias("to_stage"),
            # a day of work that is booked after the person left still ends the history
            (pl.coalesce(to_stage, pl.max_horizontal("end_date", from_stage)) - pl.col(from_stage))
            .dt.total_days()
            .clip(0)
            .cast(pl.Float64)
            .alias("duration_days"),
            pl.col(to_stage).is_not_null().alias("is_reached"),
        )
        for from_stage, to_stage in TRANSITIONS
    ]
    return pl.concat(durations)


def estimate_stage_times(durations: pl.DataFrame, skills: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """Estimate how long it takes from stage to stage.

    Args:
        durations: As `list_durations` returns them, without the histories of people who object.
        skills: skill_id, skill_name, capability_id, capability_name.
        minimum_people: The smallest number of people that a row states.

    Returns:
        One row per micro-skill, capability or the organisation, and pair of stages, with histories of at least
        `LEAST_BEGINNERS` people, in the contract `out__stage_time` without the metadata of the run.
    """
    least_people = max(LEAST_BEGINNERS, minimum_people)
    named_durations = durations.join(
        skills.select("skill_id", "skill_name", "capability_id", "capability_name"), on="skill_id", how="left"
    )
    skill_name, capability_name = pl.coalesce("skill_name", "skill_id"), pl.coalesce("capability_name", "capability_id")
    scope_columns = {
        "skill": ("skill_id", pl.format("“{}”", skill_name)),
        "capability": ("capability_id", pl.format("a micro-skill of “{}”", capability_name)),
        "organisation": (None, pl.lit("a micro-skill")),
    }
    rows = [
        row
        for scope_kind, (id_column, name) in scope_columns.items()
        for row in _estimate_scope(
            named_durations.with_columns(
                pl.lit(_ENTIRE_ORGANISATION).alias("scope_id")
                if id_column is None
                else pl.col(id_column).alias("scope_id"),
                name.alias("scope_name"),
            ).drop_nulls("scope_id"),
            scope_kind,
            least_people,
            minimum_people,
        )
    ]
    schema = {column: STAGE_TIME.schema[column] for column in STAGE_TIME_COLUMNS}
    return pl.DataFrame(rows, schema=schema).sort("scope_kind", "scope_id", "from_stage", "to_stage")


def find_nearest_times(stage_times: pl.DataFrame, skills: pl.DataFrame, from_stage: str) -> pl.DataFrame:
    """Find what is known about the time to master per micro-skill: of it, or of its capability, or of all.

    Args:
        stage_times: Rows in the contract of `out__stage_time`.
        skills: skill_id, capability_id.
        from_stage: The stage from which the time counts.

    Returns:
        One row per micro-skill: skill_id, scope_kind, from_stage, to_stage, half_months; null if nothing is known.
    """
    known_times = stage_times.filter(
        pl.col("from_stage") == from_stage, pl.col("to_stage") == "master", pl.col("half_months").is_not_null()
    ).select("scope_kind", "scope_id", "from_stage", "to_stage", "half_months")
    scope_ids = skills.select(
        "skill_id", skill=pl.col("skill_id"), capability=pl.col("capability_id"), organisation=pl.lit("all")
    )
    candidates = (
        scope_ids.unpivot(index="skill_id", on=list(SCOPE_KINDS), variable_name="scope_kind", value_name="scope_id")
        .join(known_times, on=("scope_kind", "scope_id"))
        .sort("skill_id", pl.col("scope_kind").cast(pl.Enum(SCOPE_KINDS)))
        .unique("skill_id", keep="first", maintain_order=True)
    )
    return skills.select("skill_id").join(candidates.drop("scope_id"), on="skill_id", how="left")


def write_time_texts(stage_times: pl.DataFrame) -> pl.DataFrame:
    """Write how long it took from the beginning to a stage, as the sentence of `how`.

    Args:
        stage_times: Rows in the contract of `out__stage_time`.

    Returns:
        One row per micro-skill and stage of which half the time is known: skill_id, to_stage, time_text.
    """
    known_times = stage_times.filter(
        pl.col("scope_kind") == "skill", pl.col("from_stage") == "apprentice", pl.col("half_months").is_not_null()
    )
    unreached_text = pl.format(
        "; {} not within {} months",
        pl.col("unreached_share").map_elements(say_share, return_dtype=pl.String),
        "followed_months",
    )
    sentence = pl.format(
        "Half of those who began it reached {} within {}{}.",
        "to_stage",
        pl.when(pl.col("half_months") == 1).then(pl.lit("1 month")).otherwise(pl.format("{} months", "half_months")),
        unreached_text.fill_null(""),
    )
    return known_times.select(pl.col("scope_id").alias("skill_id"), "to_stage", sentence.alias("time_text"))


def say_share(share: float) -> str:
    """Say a share as the nearest usual fraction, with its verb: `a fifth has`.

    Args:
        share: 0 to 1.
    """
    return _SHARE_TEXTS[min(_SHARE_TEXTS, key=lambda usual_share: abs(usual_share - share))]


def _estimate_scope(
    durations: pl.DataFrame, scope_kind: str, least_people: int, minimum_people: int
) -> list[dict[str, Any]]:
    """The rows of one kind of scope, as dicts of the contract's columns."""
    group_key = ("scope_id", "from_stage", "to_stage")
    open_people = pl.col("person_id").filter(~pl.col("is_reached")).n_unique()
    groups = (
        durations.group_by(*group_key)
        .agg(
            pl.col("scope_name").first(),
            pl.col("person_id").n_unique().alias("began_people_count"),
            pl.col("person_id").filter("is_reached").n_unique().alias("reached"),
            open_people.alias("unreached"),
            pl.col("duration_days", "is_reached"),
        )
        .filter(pl.col("began_people_count") >= least_people)
    )
    rows = []
    for group in groups.iter_rows(named=True):
        estimate = estimate_durations(
            pl.Series(group["duration_days"]).to_numpy(), pl.Series(group["is_reached"]).to_numpy()
        )
        is_tellable = min(group["reached"], group["unreached"]) >= minimum_people
        # quantiles rest on those who arrived: of too few nothing is told
        has_arrivals = group["reached"] >= minimum_people
        row = {
            **{column: group[column] for column in (*group_key, "began_people_count")},
            "scope_kind": scope_kind,
            "reached_people_count": group["reached"] if is_tellable else None,
            "quarter_months": count_months(estimate.quarter_days) if has_arrivals else None,
            "half_months": count_months(estimate.half_days) if has_arrivals else None,
            "three_quarters_months": count_months(estimate.three_quarters_days) if has_arrivals else None,
            "half_low_months": count_months(estimate.half_low_days) if has_arrivals and scope_kind == "skill" else None,
            "half_high_months": count_months(estimate.half_high_days)
            if has_arrivals and scope_kind == "skill"
            else None,
            "unreached_share": round(estimate.unreached_share, 3) if is_tellable else None,
            "followed_months": count_months(estimate.followed_days),
        }
        rows.append({**row, "finding": _write_finding(group["scope_name"], row)})
    return rows


def _write_finding(scope_name: str, row: dict[str, Any]) -> str:
    """The range as one sentence."""
    to_stage, began_count = row["to_stage"], row["began_people_count"]
    beginning = f"Of {began_count} people who began {scope_name}"
    if row["from_stage"] != "apprentice":
        beginning = f"Of {began_count} people who were {row['from_stage']} in {scope_name}"
    month_by_share = {"a quarter": row["quarter_months"], "half": row["half_months"]}
    quantile_texts = [
        f"{share_text} reached {to_stage} within {_say_months(months)}"
        for share_text, months in month_by_share.items()
        if months is not None
    ]
    if row["unreached_share"] is not None:
        # without an earlier clause, the sentence has not yet said which stage it is about
        unreached_stage = "" if quantile_texts else f" reached {to_stage}"
        unreached_months = _say_months(row["followed_months"])
        quantile_texts.append(f"{say_share(row['unreached_share'])} not{unreached_stage} within {unreached_months}")
    if not quantile_texts:
        return f"{beginning}, too few reached {to_stage} so far to say how long it takes."
    return f"{beginning}, {'; '.join(quantile_texts)}."


def _say_months(months: int) -> str:
    return "1 month" if months == 1 else f"{months} months"
