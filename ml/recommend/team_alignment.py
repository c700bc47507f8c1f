"""Alignment: where the wishes of a team's people and the needs of the organisation agree or part.

Belongs here: means over teams of enough people, by capability. It is a report about teams, never about one person.
Does not belong here: the motives of a person's step (`ml.recommend.motives`).
"""

import polars as pl

from ml.recommend.motives import OPTIONAL_NEED, RecommendationContext
from pipelines.contracts.columns import AGREEMENTS
from pipelines.contracts.output_tables import ALIGNMENT

COLUMNS = (
    "unit_name",
    "capability_id",
    "capability_name",
    "team_people_count",
    "wishing_people_count",
    "wish_share",
    "need_share",
    "agreement",
)


def align_teams(
    people: pl.DataFrame, context: RecommendationContext, *, team_people: int, minimum_people: int
) -> pl.DataFrame:
    """One row per team and capability that its people wish for, or its organisation needs, more than others.

    wish_share: mean, over those of the team who stated any wish, of the strongest wish within the capability.
    need_share: mean over the team of the capability's weighted needs, max(role_need, demand) of each micro-skill.
    High is what lies above the team's own mean over all capabilities; what is high in neither is no row.

    people: person_id, unit_name. Teams of fewer than `team_people`, teams in which fewer than `minimum_people` stated a
    wish, and capabilities wished for by some, but by fewer than `minimum_people`, are left out.
    """
    areas = _areas(context.skills)
    teams = people.drop_nulls("unit_name").unique("person_id")
    size = pl.len().over("unit_name").cast(pl.Int64).alias("team_people_count")
    teams = teams.select("person_id", "unit_name", size).filter(pl.col("team_people_count") >= team_people)
    cells = _need(teams, context, areas).join(
        _wish(teams, context, areas), on=("unit_name", "capability_id"), how="left"
    )
    wishers = context.wishes.select("person_id").unique().join(teams, on="person_id")
    spoke = wishers.group_by("unit_name").agg(pl.len().cast(pl.Int64).alias("wishing_people_count"))
    cells = cells.join(spoke, on="unit_name").filter(pl.col("wishing_people_count") >= minimum_people)
    cells = cells.with_columns(
        (pl.col("wish_sum").fill_null(0.0) / pl.col("wishing_people_count")).alias("wish_share"),
        pl.col("wished_by").fill_null(0),
    )
    wished, needed = (pl.col(name) > pl.col(name).mean().over("unit_name") for name in ("wish_share", "need_share"))
    agree, wish_alone, need_alone = AGREEMENTS
    agreement = (
        pl.when(wished & needed)
        .then(pl.lit(agree))
        .when(wished)
        .then(pl.lit(wish_alone))
        .when(needed)
        .then(pl.lit(need_alone))
    )
    told = cells.with_columns(agreement.alias("agreement")).filter(
        (pl.col("wished_by") == 0) | (pl.col("wished_by") >= minimum_people)
    )
    names = areas.select("capability_id", "capability_name").unique("capability_id")
    told = told.drop_nulls("agreement").join(names, on="capability_id", how="left")
    return told.select(pl.col(name).cast(ALIGNMENT.schema[name]) for name in COLUMNS).sort("unit_name", "capability_id")


def _areas(skills: pl.DataFrame) -> pl.DataFrame:
    """Micro-skills that belong to a capability, with their share of it."""
    inside = skills.drop_nulls("capability_id").unique("skill_id")
    weight = pl.coalesce("capability_weight", 1.0 / pl.len().over("capability_id"))
    inside = inside.with_columns(weight.alias("weight"))
    share = pl.col("weight") / pl.col("weight").sum().over("capability_id")
    return inside.select("skill_id", "capability_id", "capability_name", share.alias("share"))


def _need(teams: pl.DataFrame, context: RecommendationContext, areas: pl.DataFrame) -> pl.DataFrame:
    """One row per team and capability: need_share, over all of its people."""
    logs = pl.col("demand_count").cast(pl.Float64).log1p()
    demand = context.demand.select("skill_id", (logs / logs.max()).fill_nan(0.0).alias("demand"))
    asked = areas.join(demand, on="skill_id", how="left").with_columns(pl.col("demand").fill_null(0.0))
    everywhere = asked.group_by("capability_id").agg((pl.col("share") * pl.col("demand")).sum().alias("need"))
    importance = pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED)
    profiles = context.role_profiles.select("role_name", "skill_id", importance.alias("role_need"))
    more = profiles.join(asked, on="skill_id").with_columns(
        (pl.max_horizontal(pl.col("role_need") - pl.col("demand"), 0.0) * pl.col("share")).alias("more")
    )
    # what a role adds to what everybody is asked for; of several roles of a person the most
    by_role = more.group_by("role_name", "capability_id").agg(pl.col("more").sum())
    held = context.roles.join(teams, on="person_id").join(by_role, on="role_name")
    most = held.group_by("person_id", "unit_name", "capability_id").agg(pl.col("more").max())
    added = most.group_by("unit_name", "capability_id").agg(pl.col("more").sum())
    cells = teams.select("unit_name", "team_people_count").unique().join(everywhere, how="cross")
    cells = cells.join(added, on=("unit_name", "capability_id"), how="left")
    need = pl.col("need") + pl.col("more").fill_null(0.0) / pl.col("team_people_count")
    # sums of floats follow the order of threads in their last digits: the same night must be the same table
    share = need.clip(0, 1).round(12).alias("need_share")
    return cells.select("unit_name", "capability_id", "team_people_count", share)


def _wish(teams: pl.DataFrame, context: RecommendationContext, areas: pl.DataFrame) -> pl.DataFrame:
    """One row per team and capability: the sum of its people's strongest wishes there, and how many wish."""
    wishes = context.wishes.with_columns(pl.col("wish_weight").fill_null(1.0)).filter(pl.col("wish_weight") > 0)
    strongest = wishes.join(areas, on="skill_id").join(teams, on="person_id")
    strongest = strongest.group_by("person_id", "unit_name", "capability_id").agg(pl.col("wish_weight").max())
    return strongest.group_by("unit_name", "capability_id").agg(
        pl.col("wish_weight").sum().alias("wish_sum"), pl.len().alias("wished_by")
    )
