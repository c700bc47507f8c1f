"""Reasons as codes with values, and the one plain sentence and the way to practise made from them.

Belongs here: which reasons are given, their words, and how a step can be practised.
Does not belong here: the numbers themselves (`ml.motives`, `ml.ranker`).
"""

import polars as pl

# Contributions of the ranker's logit by family of features, in the words of a person. A family that speaks of nothing
# a person would recognise (the length of a history as such) gives no reason.
FAMILY_WORDS = {
    "history": "people with a history like yours often go this way next",
    "trend": "more and more colleagues take it up",
    "text": "it is close to what you already do",
    "curriculum": "it usually comes at this point of the way",
    "popularity": "many colleagues practise it",
}
# A motive below this share is not worth a clause.
_WORTH_SAYING = 0.5
_REASONS = 4

# By code: the value, the floor it must exceed to be said, and the words.
Clauses = dict[str, tuple[pl.Expr, float, pl.Expr]]


def explain_steps(steps: pl.DataFrame, families: list[str]) -> pl.DataFrame:
    """The steps with `reasons` (code and value) and `explanation` added: motives first, in the order of their clauses,
    since a person recognises them; then the model's contributions, strongest first.

    Needs columns contribution_<family>, readiness, coverage, mastery, autonomy, role_need, demand, skill_name,
    capability_name, kind and to_stage. A contribution counts as a reason where it speaks for the step.
    """
    value = pl.element().struct.field("value")
    found = _reasons(_motive_clauses())
    if clauses := _family_clauses(families):
        found = found.list.concat(_reasons(clauses).list.eval(pl.element().sort_by(value, descending=True)))
    reasons = found.list.eval(pl.struct(pl.element().struct.field("code"), value))
    said = found.list.eval(pl.element().struct.field("words")).list.head(_REASONS).list.join("; ")
    said = pl.when(said == "").then(pl.lit("it is open to you and nothing stands before it")).otherwise(said)
    return steps.with_columns(
        reasons.alias("reasons"), pl.concat_str(_headline(), pl.lit(": "), said, pl.lit(".")).alias("explanation")
    )


def tell_how(steps: pl.DataFrame, ways: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """The steps with `how`: an open project to repeat it on, a course that led others there, or how many practise it.

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
    first = pl.when(is_new).then(course).otherwise(project)
    second = pl.when(is_new).then(project).otherwise(pl.lit(None, pl.String))
    nothing = pl.lit("No project, course or colleague is known for it yet: ask your lead for a first piece of work.")
    return found.with_columns(pl.coalesce(first, second, people, nothing).alias("how")).drop(
        "project_code", "course_name", "practising_count"
    )


def _headline() -> pl.Expr:
    kind = pl.col("kind")
    return (
        pl.when(kind == "new").then(pl.concat_str(pl.lit("Take up “"), "skill_name", pl.lit("”")))
        .when(kind == "deepen").then(
            pl.concat_str(pl.lit("Go on to "), "to_stage", pl.lit(" in “"), "skill_name", pl.lit("”"))
        )
        .otherwise(pl.concat_str(pl.lit("Refresh “"), "skill_name", pl.lit("”")))
    )  # fmt: skip


def _reasons(clauses: Clauses) -> pl.Expr:
    """A list of (code, value, words) of the clauses whose value is above its floor."""
    given = (
        pl.when(value > floor).then(
            pl.struct(pl.lit(code).alias("code"), value.cast(pl.Float64).alias("value"), words.alias("words"))
        )
        for code, (value, floor, words) in clauses.items()
    )
    return pl.concat_list(given).list.drop_nulls()


def _family_clauses(families: list[str]) -> Clauses:
    return {
        family: (pl.col(f"contribution_{family}"), 0.0, pl.lit(FAMILY_WORDS[family]))
        for family in sorted(families)
        if family in FAMILY_WORDS
    }


def _motive_clauses() -> Clauses:
    percent = (pl.col("coverage") * 100).round(0).cast(pl.Int64).cast(pl.String)
    covers = pl.concat_str(
        pl.lit("with it you cover "), percent, pl.lit(" % of “"), pl.col("capability_name").fill_null(""), pl.lit("”")
    )
    return {
        "wish": (pl.col("autonomy").fill_null(0.0), _WORTH_SAYING - 0.01, pl.lit("it is what you said you want")),
        "role_need": (pl.col("role_need"), _WORTH_SAYING - 0.01, pl.lit("your role asks for it")),
        "coverage": (pl.col("coverage"), _WORTH_SAYING, covers),
        "demand": (pl.col("demand"), _WORTH_SAYING, pl.lit("current projects ask for it")),
    }
