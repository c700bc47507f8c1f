"""Explanations: the reasons of a recommended step as codes with values, and one sentence made from them.

Belongs here: which reasons a row has, their values, their words.
Does not belong here: the values of the motives (`ml.recommend.motives`), the model's contributions
(`ml.ranking.ranker`), the names in the sentence (`ml.recommend.explanation_facts`).

The first word of a code tells its kind:
- `wish`, `builds_on`, `coverage`, `role_need`, `demand`: the inputs of the motives, each 0 to 1. The sentence names
  them first.
- `model_<family>`: the additive contributions of the ranker, in log odds relative to the mean of the person's own
  candidates. The sum over all families (`model_interaction` is the part of the trees) is the step's utility minus that
  mean.
- `part_<motive>`: the parts of `score` from probability and motives; the four sum to it.
"""

import polars as pl

# The ranker's feature families in words that a person recognises. A family without words (the length of a history, an
# interaction of trees) is published as a code only.
FAMILY_WORDS = {
    "history": "people whose path resembles yours often took it next",
    "hr": "colleagues in your role or team often take it",
    "trend": "more colleagues than before are taking it up",
    "text": "it is close to what you already practise",
    "curriculum": "it usually comes at about this point of the way",
}
# A motive below this share gets no clause, and neither does a contribution that raises the odds by less than a tenth.
_MIN_SHARE = 0.5
_MIN_LOG_ODDS = 0.1
_MAX_CLAUSES = 3

# The value of a reason, whether the sentence names it, and its words.
Clause = tuple[pl.Expr, pl.Expr, pl.Expr]


def explain_steps(steps: pl.DataFrame) -> pl.DataFrame:
    """Add `reasons` (a list of code and value) and `explanation` (one sentence).

    The sentence names motives first, since a person recognises them, then the strongest contributions of the model that
    favour the step, up to three clauses.

    Args:
        steps: One row per person and listed step, with the columns of `rerank_candidates` and `add_explanation_facts`,
            and one centred contribution_<family> column per feature family of the ranker.

    Returns:
        The same rows in the same order.
    """
    feature_families = sorted(
        column_name.removeprefix("contribution_")
        for column_name in steps.columns
        if column_name.startswith("contribution_")
    )
    motive_clauses = _write_motive_clauses()
    value_by_code = {
        **{
            reason_code: pl.when(reason_value > 0).then(reason_value)
            for reason_code, (reason_value, _, _) in motive_clauses.items()
        },
        **{f"model_{family}": pl.col(f"contribution_{family}") for family in feature_families},
        **{column_name: pl.col(column_name) for column_name in steps.columns if column_name.startswith("part_")},
    }
    numbered_steps = steps.with_row_index("_row")
    # one row per code, then lists: a struct of every code for every step, most of it dropped, takes longer
    reason_lists = (
        numbered_steps.select(
            "_row",
            *(reason_value.cast(pl.Float64).alias(reason_code) for reason_code, reason_value in value_by_code.items()),
        )
        .unpivot(index="_row", variable_name="code")
        .drop_nulls("value")
        .sort("_row", maintain_order=True)
        .group_by("_row", maintain_order=True)
        .agg(pl.struct("code", "value").alias("reasons"))
    )
    return (
        numbered_steps.join(reason_lists, on="_row", how="left", maintain_order="left")
        .join(
            _select_clauses(numbered_steps, motive_clauses, feature_families),
            on="_row",
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("reasons", "_clauses").fill_null([]))
        .with_columns(pl.format("{}: {}.", _write_headline(), _join_clauses(pl.col("_clauses"))).alias("explanation"))
        .drop("_row", "_clauses")
    )


def _select_clauses(
    numbered_steps: pl.DataFrame, motive_clauses: dict[str, Clause], feature_families: list[str]
) -> pl.DataFrame:
    """One row per _row: the first clauses that the sentence names, motives in their order before contributions."""
    family_clauses = (
        (pl.col(f"contribution_{family}"), FAMILY_WORDS[family])
        for family in feature_families
        if family in FAMILY_WORDS
    )
    positioned_clauses = [
        *enumerate(motive_clauses.values()),
        *(
            (len(motive_clauses), (reason_value, reason_value > _MIN_LOG_ODDS, pl.lit(clause_text)))
            for reason_value, clause_text in family_clauses
        ),
    ]
    return (
        pl.concat(
            numbered_steps.lazy()
            .filter(is_named)
            .select(
                "_row",
                pl.lit(clause_position).alias("position"),
                reason_value.cast(pl.Float64).alias("value"),
                clause_text.alias("_clauses"),
            )
            for clause_position, (reason_value, is_named, clause_text) in positioned_clauses
        )
        .sort("_row", "position", "value", descending=[False, False, True], maintain_order=True)
        .group_by("_row", maintain_order=True)
        .agg(pl.col("_clauses").head(_MAX_CLAUSES))
        .collect()
    )


def _write_headline() -> pl.Expr:
    """The step in a few words."""
    step_kind = pl.col("kind")
    return (
        pl.when(step_kind == "new")
        .then(pl.format("Take up “{}”", "skill_name"))
        .when(step_kind == "deepen")
        .then(pl.format("Go on to {} in “{}”", "to_stage", "skill_name"))
        .otherwise(pl.format("Refresh “{}”", "skill_name"))
    )


def _join_clauses(clauses: pl.Expr) -> pl.Expr:
    """The clauses of a list as one text."""
    n_clauses = clauses.list.len()
    return (
        pl.when(n_clauses == 0)
        .then(pl.lit("it is open to you now, and nothing stands before it"))
        .when(n_clauses == 1)
        .then(clauses.list.first())
        .otherwise(pl.format("{}; and {}", clauses.list.head(n_clauses - 1).list.join("; "), clauses.list.last()))
    )


def _quote_names(list_column: str) -> pl.Expr:
    """A list of names as “one”, or as “one” and “other”."""
    return pl.col(list_column).list.eval(pl.format("“{}”", pl.element())).list.join(" and ")


def _write_motive_clauses() -> dict[str, Clause]:
    """The clauses of the motives by code, in the order of the sentence: wishes, what the person holds, needs."""
    wish_text = (
        pl.when("is_own_wish")
        .then(pl.lit("you said you want to learn it"))
        .otherwise(pl.format("it goes with your wish to learn “{}”", "wished_name"))
    )
    coverage_text = pl.format(
        "with {}, which you hold, it carries you to {} % of “{}”{}",
        _quote_names("combines_with"),
        (pl.col("coverage") * 100).round(0).cast(pl.Int64),
        "capability_name",
        pl.when(pl.col("kind") == "deepen").then(pl.format(" as a {}", "to_stage")).otherwise(pl.lit("")),
    )
    role_text = (
        pl.when("is_essential")
        .then(pl.format("your role as {} counts on it", "needed_by"))
        .otherwise(pl.format("it helps you as {}", "needed_by"))
    )
    wish_value, coverage_value, need_value, demand_value = (
        pl.col(motive_column) for motive_column in ("autonomy", "coverage", "role_need", "demand")
    )
    has_combination = (pl.col("combines_with").list.len() > 0) & (coverage_value >= _MIN_SHARE)
    has_held_prerequisite = pl.col("builds_on").list.len() > 0
    return {
        "wish": (wish_value, (wish_value >= _MIN_SHARE) & pl.col("wished_name").is_not_null(), wish_text),
        "coverage": (coverage_value, has_combination, coverage_text),
        "builds_on": (
            pl.when(has_held_prerequisite).then("readiness"),
            has_held_prerequisite & ~has_combination,
            pl.format("it builds on {}, which you hold", _quote_names("builds_on")),
        ),
        "role_need": (need_value, (need_value >= _MIN_SHARE) & pl.col("needed_by").is_not_null(), role_text),
        "demand": (
            demand_value,
            (demand_value >= _MIN_SHARE) & (pl.col("demand_count") > 1),
            pl.format("{} pieces of open and recent work call for it", "demand_count"),
        ),
    }
