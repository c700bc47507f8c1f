"""Published texts about acting on a step: how to practise it, and what would have changed the row.

Belongs here: the sentences of the columns `how` and `counterfactual`.
Does not belong here: why a step is recommended (`ml.recommend.explanations`), the search for the change
(`ml.recommend.counterfactuals`).
"""

import polars as pl

# A row of evidence in words, by its mode: an existing row, and one more.
_EXISTING_TEXT_BY_MODE = {
    "observation": "what you attended or completed on ",
    "repetition": "the work you booked on ",
    "feedback": "the judgement you got on ",
    "teaching": "what you taught on ",
}
_ADDED_TEXT_BY_MODE = {
    "observation": "One completed course on it",
    "repetition": "One more day of work on it",
    "feedback": "One good judgement of your work on it, by someone who has not judged it yet",
    "teaching": "Teaching it once more",
}


def add_how_text(
    steps: pl.DataFrame, practice_options: pl.DataFrame, minimum_people: int, time_texts: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Add `how`: a course to begin with, a project with open work, or how many colleagues practise the micro-skill.

    Args:
        steps: One row per person and step: skill_id, kind and any other column.
        practice_options: One row per micro-skill: skill_id, project_code (of the project with most open work for it),
            course_name (of the course that most people took), practising_count.
        minimum_people: The smallest number of colleagues that a text may state.
        time_texts: skill_id, to_stage and time_text, how long people took to reach the stage; None for no such text.

    Returns:
        The same rows in the same order.
    """
    is_new, practising_count = pl.col("kind") == "new", pl.col("practising_count")
    course_text = pl.format("Begin with “{}”.", "course_name")
    course_and_project_text = pl.format(
        "{} Then repeat it on {}, which has open work for it.", course_text, "project_code"
    )
    project_text = pl.format("Repeat it on {}, which has open work that names it.", "project_code")
    colleagues_text = pl.when(practising_count >= minimum_people).then(
        pl.format("Ask to watch: {} colleagues practised it lately.", practising_count)
    )
    action_text = pl.coalesce(
        pl.when(is_new).then(pl.coalesce(course_and_project_text, course_text)), project_text, colleagues_text
    )
    feedback_text = pl.when(pl.col("kind") == "deepen").then(pl.lit(" Then ask someone who saw it for feedback."))
    fallback_text = pl.lit(
        "No project, course or colleague is known for it yet: ask your lead for a first piece of work."
    )
    if time_texts is None:
        steps_with_times = steps.with_columns(pl.lit(None, pl.String).alias("time_text"))
    else:
        steps_with_times = steps.join(time_texts, on=("skill_id", "to_stage"), how="left", maintain_order="left")
    is_deeper = pl.col("kind") == "deepen"
    time_text = pl.when(is_deeper).then(pl.format(" {}", "time_text")).fill_null("")
    return (
        steps_with_times.join(practice_options, on="skill_id", how="left", maintain_order="left")
        .with_columns((pl.coalesce(action_text + feedback_text.fill_null(""), fallback_text) + time_text).alias("how"))
        .drop("project_code", "course_name", "practising_count", "time_text")
    )


def write_counterfactuals(counterfactuals: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """Write the sentence of each counterfactual.

    Args:
        counterfactuals: One row per person and micro-skill, as `find_counterfactuals` returns them.
        skills: skill_id, skill_name.

    Returns:
        One row per change: person_id, skill_id, counterfactual.
    """
    changed_skill_names = skills.select(
        pl.col("skill_id").alias("changed_skill_id"), pl.col("skill_name").alias("changed_name")
    )
    is_own_skill, is_added = pl.col("changed_skill_id") == pl.col("skill_id"), pl.col("change") == "add"
    counterfactual_sentence = (
        pl.when(pl.col("change_of") == "wish")
        .then(
            pl.format(
                "Had you {} you want {}, this step would {}.",
                pl.when(is_added).then(pl.lit("said")).otherwise(pl.lit("not said")),
                pl.when(is_own_skill).then(pl.lit("it")).otherwise(pl.format("“{}”", "changed_name")),
                pl.when(pl.col("to_rank").is_null())
                .then(pl.lit("not be on this list"))
                .otherwise(pl.format("stand at place {} instead of {}", "to_rank", "rank")),
            )
        )
        .when(is_added)
        .then(_write_added_evidence())
        .otherwise(_write_removed_evidence())
    )
    return counterfactuals.join(changed_skill_names, on="changed_skill_id", how="left", maintain_order="left").select(
        "person_id", "skill_id", counterfactual_sentence.alias("counterfactual")
    )


def _write_added_evidence() -> pl.Expr:
    """The sentence about a further row of evidence with which the step would be reached."""
    return pl.format(
        "{}, and {}: this step would be behind you.",
        pl.col("mode").replace_strict(_ADDED_TEXT_BY_MODE, return_dtype=pl.String, default=None),
        pl.when(pl.col("stage_after") == pl.col("from_stage"))
        .then(pl.lit("it would be fresh again"))
        .otherwise(pl.format("you would be {} in it", _write_stage_with_article())),
    )


def _write_removed_evidence() -> pl.Expr:
    """The sentence about a row of evidence without which the step would not be recommended."""
    return pl.format(
        "Without {}{}, {}: this step would not be here.",
        pl.col("mode").replace_strict(_EXISTING_TEXT_BY_MODE, return_dtype=pl.String, default=None),
        pl.col("occurred_at").dt.strftime("%-d %B %Y"),
        pl.when(pl.col("stage_after") == "none")
        .then(pl.lit("you would still be before its first stage"))
        .otherwise(pl.format("you would still be {} in it", _write_stage_with_article())),
    )


def _write_stage_with_article() -> pl.Expr:
    indefinite_article = pl.when(pl.col("stage_after") == "apprentice").then(pl.lit("an")).otherwise(pl.lit("a"))
    return pl.format("{} {}", indefinite_article, "stage_after")
