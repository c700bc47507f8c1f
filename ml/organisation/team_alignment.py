"""Alignment of teams: where the wishes of a team's people and the needs of the organisation agree or differ.

Belongs here: means per team and capability over enough people. The table describes teams, never one person.
Does not belong here: the motives of a person's step (`ml.recommend.motives`).
"""

import polars as pl

from ml.recommend.motives import RecommendationContext, build_role_need, scale_demand
from pipelines.contracts.columns import AGREEMENTS
from pipelines.contracts.output_tables import ALIGNMENT, ROW_METADATA_COLUMNS

ALIGNMENT_COLUMNS = tuple(column for column in ALIGNMENT.column_names if column not in ROW_METADATA_COLUMNS)
_TEAM_CAPABILITY_KEY = ("unit_name", "capability_id")
# The last digits of a sum depend on the order of threads: rounded, the same input gives the same table.
_SHARE_DECIMALS = 12


def align_teams(
    people: pl.DataFrame, context: RecommendationContext, *, min_team_people: int, minimum_people: int
) -> pl.DataFrame:
    """Compare the wishes of each team's people with the needs of the organisation.

    Args:
        people: One row per person: person_id, unit_name.
        context: The tables of wishes, roles, role profiles, demand and micro-skills.
        min_team_people: The smallest team in the table.
        minimum_people: The smallest number of people with a wish: in a team, and for a capability that anyone in the
            team wishes for.

    Returns:
        One row per team and capability whose wish or need is above the team's own mean over all capabilities, in the
        contract `out__alignment` without the metadata of the run. wish_share is the mean, over the people of the team
        who stated any wish, of their strongest wish within the capability. need_share is the mean over the team of the
        weighted max(role_need, demand) of the capability's micro-skills.
    """
    skill_shares = _compute_skill_shares(context.skills)
    team_size = pl.len().over("unit_name").cast(pl.Int64).alias("team_people_count")
    team_members = (
        people.drop_nulls("unit_name")
        .unique("person_id")
        .select("person_id", "unit_name", team_size)
        .filter(pl.col("team_people_count") >= min_team_people)
    )
    wishing_people = context.wishes.select("person_id").unique().join(team_members, on="person_id")
    wisher_counts = wishing_people.group_by("unit_name").agg(pl.len().cast(pl.Int64).alias("wishing_people_count"))
    is_above_mean_wish, is_above_mean_need = _is_above_team_mean("wish_share"), _is_above_team_mean("need_share")
    both_agree_label, wish_only_label, need_only_label = (pl.lit(agreement_label) for agreement_label in AGREEMENTS)
    team_agreement = (
        pl.when(is_above_mean_wish & is_above_mean_need)
        .then(both_agree_label)
        .when(is_above_mean_wish)
        .then(wish_only_label)
    )
    team_agreement = team_agreement.when(is_above_mean_need).then(need_only_label)
    has_enough_wishes = pl.col("wished_by") >= minimum_people
    wish_share = pl.when(has_enough_wishes).then(pl.col("wish_sum") / pl.col("wishing_people_count"))
    return (
        _compute_team_needs(team_members, context, skill_shares)
        .join(_sum_team_wishes(team_members, context, skill_shares), on=_TEAM_CAPABILITY_KEY, how="left")
        .join(wisher_counts, on="unit_name")
        .filter(pl.col("wishing_people_count") >= minimum_people)
        .with_columns(wish_share.fill_null(0.0).round(_SHARE_DECIMALS).alias("wish_share"))
        .with_columns(team_agreement.alias("agreement"))
        # a few wishes look like none, and neither is published as a number
        .with_columns(pl.when(has_enough_wishes).then("wish_share").alias("wish_share"))
        .drop_nulls("agreement")
        .join(
            skill_shares.select("capability_id", "capability_name").unique("capability_id"),
            on="capability_id",
            how="left",
        )
        .select(pl.col(column).cast(ALIGNMENT.schema[column]) for column in ALIGNMENT_COLUMNS)
        .sort(_TEAM_CAPABILITY_KEY)
    )


def _is_above_team_mean(share_column: str) -> pl.Expr:
    """Whether a capability's share is above the mean over the capabilities of the team."""
    return (pl.col(share_column) - pl.col(share_column).mean().over("unit_name")).round(_SHARE_DECIMALS) > 0


def _compute_skill_shares(skills: pl.DataFrame) -> pl.DataFrame:
    """One row per micro-skill of a capability: skill_id, capability_id, capability_name, share."""
    unscaled_weight = pl.coalesce("capability_weight", 1.0 / pl.len().over("capability_id"))
    scaled_weight = pl.col("weight") / pl.col("weight").sum().over("capability_id")
    return (
        skills.drop_nulls("capability_id")
        .unique("skill_id")
        .with_columns(unscaled_weight.alias("weight"))
        .select("skill_id", "capability_id", "capability_name", scaled_weight.alias("share"))
    )


def _compute_team_needs(
    team_members: pl.DataFrame, context: RecommendationContext, skill_shares: pl.DataFrame
) -> pl.DataFrame:
    """One row per team and capability: unit_name, capability_id, team_people_count, need_share.

    need_share: the demand on the capability's micro-skills, weighted by their shares, plus what the roles of the team's
    people need beyond it, as a mean over the team; 0 to 1.
    """
    skill_shares_with_demand = skill_shares.join(scale_demand(context.demand), on="skill_id", how="left").with_columns(
        pl.col("demand").fill_null(0.0)
    )
    capability_needs = skill_shares_with_demand.group_by("capability_id").agg(
        (pl.col("share") * pl.col("demand")).sum().alias("need")
    )
    # a role adds what it needs beyond the demand on everybody; a person with several roles counts the largest of them
    role_surplus = pl.max_horizontal(pl.col("role_need") - pl.col("demand"), 0.0) * pl.col("share")
    role_capability_surpluses = (
        context.role_profiles.select("role_name", "skill_id", build_role_need().alias("role_need"))
        .join(skill_shares_with_demand, on="skill_id")
        .with_columns(role_surplus.alias("surplus"))
        .group_by("role_name", "capability_id")
        .agg(pl.col("surplus").sum())
    )
    team_capability_surpluses = (
        context.roles.join(team_members, on="person_id")
        .join(role_capability_surpluses, on="role_name")
        .group_by("person_id", *_TEAM_CAPABILITY_KEY)
        .agg(pl.col("surplus").max())
        .group_by(_TEAM_CAPABILITY_KEY)
        .agg(pl.col("surplus").sum())
    )
    team_need = pl.col("need") + pl.col("surplus").fill_null(0.0) / pl.col("team_people_count")
    return (
        team_members.select("unit_name", "team_people_count")
        .unique()
        .join(capability_needs, how="cross")
        .join(team_capability_surpluses, on=_TEAM_CAPABILITY_KEY, how="left")
        .select(
            *_TEAM_CAPABILITY_KEY, "team_people_count", team_need.clip(0, 1).round(_SHARE_DECIMALS).alias("need_share")
        )
    )


def _sum_team_wishes(
    team_members: pl.DataFrame, context: RecommendationContext, skill_shares: pl.DataFrame
) -> pl.DataFrame:
    """One row per team and capability: the sum of its people's strongest wishes, and how many people wish."""
    return (
        context.wishes.with_columns(pl.col("wish_weight").fill_null(1.0))
        .filter(pl.col("wish_weight") > 0)
        .join(skill_shares, on="skill_id")
        .join(team_members, on="person_id")
        .group_by("person_id", *_TEAM_CAPABILITY_KEY)
        .agg(pl.col("wish_weight").max())
        .group_by(_TEAM_CAPABILITY_KEY)
        .agg(pl.col("wish_weight").sum().alias("wish_sum"), pl.len().alias("wished_by"))
    )
