"""Sentences about one micro-skill name no other micro-skill that the person hides."""

import polars as pl

from assets.tables.recommendations import blank_hidden_wishes, drop_hidden_changes, hide_held_skills
from ml.recommend.motives import RecommendationContext

HIDDEN = pl.DataFrame({"person_id": ["ann"], "skill_id": ["sql"]})


def test_a_counterfactual_of_another_step_does_not_name_the_hidden_skill() -> None:
    changes = pl.DataFrame(
        {
            "person_id": ["ann", "ann", "ann", "bob"],
            "skill_id": ["git", "sql", "tea", "git"],
            "changed_skill_id": ["sql", "sql", "tea", "sql"],
        }
    )
    shown_changes = drop_hidden_changes(changes, HIDDEN).sort("person_id", "skill_id")
    assert shown_changes.select("person_id", "skill_id").rows() == [("ann", "sql"), ("ann", "tea"), ("bob", "git")]


def test_a_wish_for_the_hidden_skill_is_named_in_its_own_row_only() -> None:
    steps = pl.DataFrame(
        {"person_id": ["ann", "ann", "bob"], "skill_id": ["git", "sql", "git"], "wish_skill_id": ["sql"] * 3}
    )
    assert blank_hidden_wishes(steps, HIDDEN)["wish_skill_id"].to_list() == [None, "sql", "sql"]


def test_a_hidden_skill_is_not_named_as_held_and_still_counts_as_evidence() -> None:
    mastery = pl.DataFrame(
        {"person_id": ["ann", "ann", "bob"], "skill_id": ["git", "sql", "sql"], "stage": ["master"] * 3}
    )
    empty = dict.fromkeys(
        ("skills", "prerequisites", "wishes", "roles", "role_profiles", "demand", "preferences"), pl.DataFrame()
    )
    context = hide_held_skills(RecommendationContext(mastery=mastery, **empty), HIDDEN)
    assert context.mastery.rows() == [("ann", "git", "master"), ("ann", "sql", "none"), ("bob", "sql", "master")]
