"""How a step can be practised, and what would have changed it, in words.

Belongs here: the sentences of `how` and `counterfactual`.
Does not belong here: why a step is recommended (`ml.recommend.explanations`), which change it was
(`ml.recommend.counterfactuals`).
"""

import polars as pl

# What a row of evidence is to a person, by its mode: one that is there, and one more.
_THERE = {
    "observation": "what you attended or completed on ",
    "repetition": "the work you booked on ",
    "feedback": "the judgement you got on ",
    "teaching": "what you taught on ",
}
_ONE_MORE = {
    "observation": "One completed course on it",
    "repetition": "One more day of work on it",
    "feedback": "One good judgement of your work on it, by someone who has not judged it yet",
    "teaching": "Teaching it once more",
}


def tell_how(steps: pl.DataFrame, ways: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """The steps with `how`: a course that led others there, an open project to repeat it on, or how many practise it.

    `ways`: skill_id, project_code (most open work naming it), course_name (most taken), practising_count.
    Fewer than `minimum_people` practising are not counted out loud.
    """
    found = steps.join(ways, on="skill_id", how="left", maintain_order="left")
    count = pl.col("practising_count")
    project = pl.concat_str(pl.lit("Repeat it on "), "project_code", pl.lit(", which has open work that names it."))
    course = pl.concat_str(pl.lit("Begin with “"), "course_name", pl.lit("”."))
    people = pl.when(count >= minimum_people).then(
        pl.concat_str(pl.lit("Ask to watch: "), count.cast(pl.String), pl.lit(" colleagues practised it lately."))
    )
    is_new = pl.col("kind") == "new"
    then = pl.concat_str(course, pl.lit(" Then repeat it on "), "project_code", pl.lit(", which has open work for it."))
    first = pl.when(is_new).then(pl.coalesce(then, course)).otherwise(project)
    second = pl.when(is_new).then(project).otherwise(pl.lit(None, pl.String))
    judged = pl.when(pl.col("kind") == "deepen").then(pl.lit(" Then ask someone who saw it for feedback."))
    nothing = pl.lit("No project, course or colleague is known for it yet: ask your lead for a first piece of work.")
    way = pl.concat_str(pl.coalesce(first, second, people), judged.fill_null(""))
    return found.with_columns(pl.coalesce(way, nothing).alias("how")).drop(
        "project_code", "course_name", "practising_count"
    )


def tell_change(changes: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """One row per change (person_id, skill_id) with `counterfactual`, the sentence that says what it would have done.

    changes: of `find_counterfactuals`. skills: skill_id, skill_name.
    """
    names = skills.select(pl.col("skill_id").alias("changed_skill_id"), pl.col("skill_name").alias("changed_name"))
    named = changes.join(names, on="changed_skill_id", how="left", maintain_order="left")
    own = pl.col("changed_skill_id") == pl.col("skill_id")
    wished = pl.when(own).then(pl.lit("it")).otherwise(pl.concat_str(pl.lit("“"), "changed_name", pl.lit("”")))
    is_wish, is_added = pl.col("change_of") == "wish", pl.col("change") == "add"
    sentence = (
        pl.when(is_wish & is_added)
        .then(
            pl.concat_str(pl.lit("Had you said you want "), wished, pl.lit(", this step would "), _moved(), pl.lit("."))
        )
        .when(is_wish)
        .then(
            pl.concat_str(
                pl.lit("Had you not said you want "), wished, pl.lit(", this step would "), _moved(), pl.lit(".")
            )
        )
        .when(is_added)
        .then(_added())
        .otherwise(_removed())
    )
    return named.select("person_id", "skill_id", sentence.alias("counterfactual"))


def _moved() -> pl.Expr:
    places = pl.concat_str(pl.lit("stand at place "), "to_rank", pl.lit(" instead of "), "rank")
    return pl.when(pl.col("to_rank").is_null()).then(pl.lit("not be on this list")).otherwise(places)


def _added() -> pl.Expr:
    what = pl.col("mode").replace_strict(_ONE_MORE, return_dtype=pl.String, default=None)
    refreshed = pl.col("stage_after") == pl.col("from_stage")
    reached = pl.concat_str(pl.lit("you would be "), _article(), pl.lit(" in it"))
    then = pl.when(refreshed).then(pl.lit("it would be fresh again")).otherwise(reached)
    return pl.concat_str(what, pl.lit(", and "), then, pl.lit(": this step would be behind you."))


def _removed() -> pl.Expr:
    what = pl.col("mode").replace_strict(_THERE, return_dtype=pl.String, default=None)
    day = pl.col("occurred_at").dt.strftime("%-d %B %Y")
    fallen = (
        pl.when(pl.col("stage_after") == "none")
        .then(pl.lit("you would still be before its first stage"))
        .otherwise(pl.concat_str(pl.lit("you would still be "), _article(), pl.lit(" in it")))
    )
    return pl.concat_str(pl.lit("Without "), what, day, pl.lit(", "), fallen, pl.lit(": this step would not be here."))


def _article() -> pl.Expr:
    stage = pl.col("stage_after")
    article = pl.when(stage == "apprentice").then(pl.lit("an ")).otherwise(pl.lit("a "))
    return pl.concat_str(article, stage)
