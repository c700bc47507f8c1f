"""Reasons as codes with values, and the one plain sentence made from them alone.

Belongs here: which reasons are given, their values, their words.
Does not belong here: the numbers themselves (`ml.recommend.motives`, `ml.ranking.ranker`), what the words may name
(`ml.recommend.explanation_facts`).

Three kinds of code, told apart by their first word:
- `wish`, `builds_on`, `coverage`, `role_need`, `demand`: what the motives saw, each 0 to 1; said first.
- `model_<family>`: the ranker's additive contributions, in log odds over the mean of the person's own candidates. Over
  all families (the trees' part is `model_interaction`) they sum to the step's utility less that mean.
- `part_<motive>`: what probability and motives give to `score`; the four sum to it.
"""

import polars as pl

# The families of the ranker's features in the words of a person. One that says nothing a person would recognise (the
# length of a history as such, an interaction of trees) is given as a code and never said.
FAMILY_WORDS = {
    "history": "people whose path resembles yours often took it next",
    "hr": "colleagues in your role or team often take it",
    "trend": "more colleagues than before are taking it up",
    "text": "it is close to what you already practise",
    "curriculum": "it usually comes at about this point of the way",
    "popularity": "many colleagues practise it",
}
# A motive below this share is not worth a clause, nor is a contribution that makes the odds no tenth better.
_WORTH_SAYING = 0.5
_WORTH_ODDS = 0.1
# More reasons than this are a list, not a sentence.
_CLAUSES = 3

# By code: the value, whether it is worth saying, and the words.
Clauses = dict[str, tuple[pl.Expr, pl.Expr, pl.Expr]]


def explain_steps(steps: pl.DataFrame) -> pl.DataFrame:
    """The steps with `reasons` (code and value) and `explanation` added.

    The sentence says motives first, since a person recognises them; then the model's strongest contributions that speak
    for the step, where there is room. Needs the columns of `score_motives`, `gather_facts` and `blend`, skill_name,
    capability_name, kind, to_stage, and one contribution_<family> per family of the ranker, centred.
    """
    families = sorted(n.removeprefix("contribution_") for n in steps.columns if n.startswith("contribution_"))
    motives, model = _motive_clauses(), _family_clauses(families)
    numbered = steps.with_row_index("_row")
    told = numbered.join(
        _reasons(numbered, _codes(steps, motives, families)), on="_row", how="left", maintain_order="left"
    )
    told = told.join(_words(numbered, motives, model), on="_row", how="left", maintain_order="left")
    told = told.with_columns(pl.col("reasons", "_words").fill_null([]))
    explanation = pl.concat_str(headline(), pl.lit(": "), _sentence(pl.col("_words")), pl.lit("."))
    return told.with_columns(explanation.alias("explanation")).drop("_row", "_words")


def headline() -> pl.Expr:
    """What the step asks of the person, in a few words."""
    kind = pl.col("kind")
    return (
        pl.when(kind == "new")
        .then(pl.concat_str(pl.lit("Take up "), _quoted("skill_name")))
        .when(kind == "deepen")
        .then(pl.concat_str(pl.lit("Go on to "), "to_stage", pl.lit(" in "), _quoted("skill_name")))
        .otherwise(pl.concat_str(pl.lit("Refresh "), _quoted("skill_name")))
    )


def quoted_names(names: pl.Expr) -> pl.Expr:
    """A list of names as “one”, or as “one” and “other”."""
    return names.list.eval(pl.concat_str(pl.lit("“"), pl.element(), pl.lit("”"))).list.join(" and ")


def _quoted(column: str) -> pl.Expr:
    return pl.concat_str(pl.lit("“"), pl.col(column), pl.lit("”"))


def _sentence(words: pl.Expr) -> pl.Expr:
    several = pl.concat_str(words.list.head(words.list.len() - 1).list.join("; "), pl.lit("; and "), words.list.last())
    nothing = pl.lit("it is open to you now, and nothing stands before it")
    return (
        pl.when(words.list.len() == 0)
        .then(nothing)
        .when(words.list.len() == 1)
        .then(words.list.first())
        .otherwise(several)
    )


def _codes(steps: pl.DataFrame, motives: Clauses, families: list[str]) -> dict[str, pl.Expr]:
    """Every code with its value, null where it does not apply."""
    zero_is_none = {code: pl.when(value > 0).then(value) for code, (value, _, _) in motives.items()}
    model = {f"model_{family}": pl.col(f"contribution_{family}") for family in families}
    parts = {name: pl.col(name) for name in steps.columns if name.startswith("part_")}
    return {**zero_is_none, **model, **parts}


def _reasons(steps: pl.DataFrame, codes: dict[str, pl.Expr]) -> pl.DataFrame:
    """By _row: the codes that apply, with their values."""
    # one row a code and value, then lists: a struct of every code for every step, to drop most of it, takes longer
    values = steps.select("_row", *(value.cast(pl.Float64).alias(code) for code, value in codes.items()))
    long = values.unpivot(index="_row", variable_name="code").drop_nulls("value").sort("_row", maintain_order=True)
    return long.group_by("_row", maintain_order=True).agg(pl.struct("code", "value").alias("reasons"))


def _words(steps: pl.DataFrame, motives: Clauses, model: Clauses) -> pl.DataFrame:
    """By _row: the words of the first clauses worth saying: the motives', then the model's, its strongest first."""
    places = [*enumerate(motives.values()), *((len(motives), clause) for clause in model.values())]
    said = pl.concat(
        steps.lazy()
        .filter(worth)
        .select("_row", pl.lit(place).alias("place"), value.cast(pl.Float64).alias("value"), words.alias("words"))
        for place, (value, worth, words) in places
    )
    said = said.sort("_row", "place", "value", descending=[False, False, True], maintain_order=True)
    return said.group_by("_row", maintain_order=True).agg(pl.col("words").head(_CLAUSES).alias("_words")).collect()


def _family_clauses(families: list[str]) -> Clauses:
    named = ((family, pl.col(f"contribution_{family}")) for family in families if family in FAMILY_WORDS)
    return {family: (value, value > _WORTH_ODDS, pl.lit(FAMILY_WORDS[family])) for family, value in named}


def _motive_clauses() -> Clauses:
    """In the order they are said: what the person wants, what they can build on, what others need."""
    wish = (
        pl.when(pl.col("is_own_wish"))
        .then(pl.lit("you said you want to learn it"))
        .otherwise(pl.concat_str(pl.lit("it goes with your wish to learn "), _quoted("wished_name")))
    )
    percent = (pl.col("coverage") * 100).round(0).cast(pl.Int64).cast(pl.String)
    covers = pl.concat_str(
        pl.lit("with "),
        quoted_names(pl.col("combines_with")),
        pl.lit(", which you hold, it carries you to "),
        percent,
        pl.lit(" % of "),
        _quoted("capability_name"),
        pl.when(pl.col("kind") == "deepen").then(pl.concat_str(pl.lit(" as a "), "to_stage")).otherwise(pl.lit("")),
    )
    combines = (pl.col("combines_with").list.len() > 0) & (pl.col("coverage") >= _WORTH_SAYING)
    builds = pl.concat_str(pl.lit("it builds on "), quoted_names(pl.col("builds_on")), pl.lit(", which you hold"))
    role = pl.concat_str(
        pl.when(pl.col("is_essential")).then(pl.lit("your role as ")).otherwise(pl.lit("it helps you as ")),
        pl.col("needed_by"),
        pl.when(pl.col("is_essential")).then(pl.lit(" counts on it")).otherwise(pl.lit("")),
    )
    count = pl.col("demand_count").cast(pl.String)
    asked = pl.concat_str(count, pl.lit(" pieces of open and recent work call for it"))
    has_base = pl.col("builds_on").list.len() > 0
    return {
        "wish": (pl.col("autonomy"), (pl.col("autonomy") >= _WORTH_SAYING) & pl.col("wished_name").is_not_null(), wish),
        "coverage": (pl.col("coverage"), combines, covers),
        "builds_on": (pl.when(has_base).then(pl.col("readiness")), has_base & ~combines, builds),
        "role_need": (
            pl.col("role_need"),
            (pl.col("role_need") >= _WORTH_SAYING) & pl.col("needed_by").is_not_null(),
            role,
        ),
        "demand": (pl.col("demand"), (pl.col("demand") >= _WORTH_SAYING) & (pl.col("demand_count") > 1), asked),
    }
