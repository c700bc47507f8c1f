"""Why an opening is matched to a person, and what would have changed it, as codes and as sentences.

Belongs here: the rows of `out__squad_match` made of matches.
Does not belong here: the matches (`ml.recommend.squad_matching`), the people in them (`ml.recommend.squad_companions`).
"""

import polars as pl

from ml.recommend.squad_matching import BRINGS_SCORE, JOINED_SCORE, LIST_SCORE, ROOM_SCORE, STEP_SCORE, WISH_SCORE
from ml.recommend.squad_openings import select_holders
from pipelines.contracts.output_tables import ROW_METADATA_COLUMNS, SQUAD_MATCH

_REASON_PARTS = (
    ("step", pl.col("to_stage").is_not_null() * STEP_SCORE),
    ("list", (LIST_SCORE / pl.col("list_rank")).fill_null(0.0)),
    ("brings", pl.col("brings") * BRINGS_SCORE),
    ("wish", pl.col("wish_weight").fill_null(0.0) * WISH_SCORE),
    ("room", (pl.col("workload") == "fits") * ROOM_SCORE),
    ("joined", (pl.col("squad_reply_kind") == "join").fill_null(False) * JOINED_SCORE),
)


def build_match_rows(
    matches: pl.DataFrame, openings: pl.DataFrame, mastery: pl.DataFrame, skills: pl.DataFrame
) -> pl.DataFrame:
    """Build the published rows of matches.

    Args:
        matches: As `add_squad_companions` returns them.
        openings: As `find_openings` returns them.
        mastery: person_id, skill_id, stage, without what people hide.
        skills: skill_id, skill_name.

    Returns:
        One row per match, in the contract `out__squad_match` without is_hidden and the metadata of the run. The values
        of `reasons` sum to the score.
    """
    named_matches = (
        matches.join(skills.select("skill_id", "skill_name"), on="skill_id", how="left", maintain_order="left")
        .join(openings.select("opening_id", "project_code"), on="opening_id", how="left", maintain_order="left")
        .join(
            _list_brought_skills(matches, openings, mastery),
            on=["person_id", "opening_id"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("skill_name").fill_null(pl.col("skill_id")),
            pl.col("brings_skill_ids").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )
    filled_columns = [
        column for column in SQUAD_MATCH.column_names if column not in {*ROW_METADATA_COLUMNS, "is_hidden"}
    ]
    return (
        named_matches.with_columns(
            _list_reasons(named_matches),
            _explain().alias("explanation"),
            _find_change(named_matches).alias("decisive_change"),
        )
        .with_columns(_describe_change().alias("counterfactual"))
        .select(pl.col(column).cast(SQUAD_MATCH.schema[column]) for column in filled_columns)
        .sort("person_id", "rank")
    )


def _list_reasons(matches: pl.DataFrame) -> pl.Series:
    """The parts of the score that are not zero, in the declared order: one list per row."""
    numbered_matches = matches.with_row_index("row")
    # rows of parts that are grouped: a list of nullable structs per row takes twenty times as long
    part_rows = pl.concat(
        numbered_matches.select("row", pl.lit(code).alias("code"), part.cast(pl.Float64).alias("value")).filter(
            pl.col("value") > 0
        )
        for code, part in _REASON_PARTS
    )
    reasons = (
        part_rows.sort("row", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(pl.struct("code", "value").alias("reasons"))
    )
    listed = numbered_matches.select("row").join(reasons, on="row", how="left", maintain_order="left")["reasons"]
    return listed.fill_null(pl.Series([[]], dtype=listed.dtype))


def _list_brought_skills(matches: pl.DataFrame, openings: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """The lacking micro-skills of the work that the person holds: person_id, opening_id, brings_skill_ids."""
    lacking_skills = (
        openings.select("opening_id", "lacking_skill_ids").explode("lacking_skill_ids").drop_nulls("lacking_skill_ids")
    )
    return (
        matches.select("person_id", "opening_id")
        .join(lacking_skills.rename({"lacking_skill_ids": "skill_id"}), on="opening_id")
        .join(select_holders(mastery), on=("person_id", "skill_id"), how="semi")
        .sort("person_id", "opening_id", "skill_id")
        .group_by("person_id", "opening_id")
        .agg(pl.col("skill_id").alias("brings_skill_ids"))
    )


def _explain() -> pl.Expr:
    work_text = pl.when(pl.col("project_code").is_not_null()).then(pl.format("in {}", "project_code"))
    step_text = (
        pl.when(pl.col("kind") == "refresh")
        .then(pl.lit("your practice there would refresh it"))
        .when(pl.col("to_stage").is_not_null())
        .then(pl.format("your next step there is {}", "to_stage"))
    )
    brings_text = pl.when("brings").then(pl.lit("you hold what is asked for"))
    wish_text = pl.when(pl.col("wish_weight") > 0).then(pl.lit("you wished for it"))
    room_text = (
        pl.when(pl.col("workload") == "fits")
        .then(pl.lit("your week has room for it"))
        .when(pl.col("workload") == "full")
        .then(pl.lit("your week has no room for it"))
    )
    joined_text = pl.when(pl.col("squad_reply_kind") == "join").then(pl.lit("you asked to join"))
    parts = pl.concat_str(joined_text, step_text, brings_text, wish_text, room_text, separator=", ", ignore_nulls=True)
    subject = pl.concat_str(pl.format("“{}”", "skill_name"), work_text, separator=" ", ignore_nulls=True)
    return pl.format("{} is open: {}.", subject, parts)


def _find_change(matches: pl.DataFrame) -> pl.Expr:
    """The code of one change that would have changed the row; null if none of these would.

    A wish is about a micro-skill, so that every row of it moves: only rows of other micro-skills are overtaken.
    """
    wish_gain = (1.0 - pl.col("wish_weight").fill_null(0.0)) * WISH_SCORE
    wish_loss = pl.col("wish_weight").fill_null(0.0) * WISH_SCORE
    others = matches.select("person_id", other_skill="skill_id", other_rank="rank", other_score="score")
    is_above = pl.col("other_rank") < pl.col("rank")
    is_overtaken = is_above & (pl.col("other_score") < pl.col("score") + pl.col("gain"))
    overtakes = ~is_above & (pl.col("other_score") > pl.col("score") - pl.col("loss"))
    compared = (
        matches.with_row_index("row")
        .select("row", "person_id", "skill_id", "rank", "score", wish_gain.alias("gain"), wish_loss.alias("loss"))
        .join(others, on="person_id")
        .filter(pl.col("other_skill") != pl.col("skill_id"))
        .group_by("row")
        .agg(is_overtaken.sum().alias("won"), overtakes.sum().alias("lost"))
    )
    effects = (
        matches.with_row_index("row")
        .select("row")
        .join(compared, on="row", how="left", maintain_order="left")
        .fill_null(0)
    )
    return (
        pl.when(pl.col("workload") == "full")
        .then(pl.lit("less_work"))
        .when(pl.lit(effects["won"]) > 0)
        .then(pl.lit("wish"))
        .when(pl.lit(effects["lost"]) > 0)
        .then(pl.lit("no_wish"))
    )


def _describe_change() -> pl.Expr:
    """The sentence of decisive_change."""
    lacking_hours = (pl.col("needed_hours") - pl.col("free_weekly_hours")).round(1)
    change = pl.col("decisive_change")
    return (
        pl.when(change == "less_work")
        .then(pl.format("With {} hours less work per week, your week would have room for it.", lacking_hours))
        .when(change == "wish")
        .then(pl.format("If you wished for “{}”, it would be higher in your list.", "skill_name"))
        .when(change == "no_wish")
        .then(pl.format("Without your wish for “{}”, it would be lower in your list.", "skill_name"))
    )
