"""Eligibility: required items, repeatable items, and that only eligible items are recommended and learned from."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.eligibility import encode_pairs, encode_rules
from ml.data.interactions import build_user_states, encode_interactions
from ml.data.ranker_config import choose_config
from ml.evaluation.evaluate import evaluate
from ml.ranking.cases import build_window_cases, drop_closed_targets
from ml.ranking.fitting import fit_recommender

REQUIRES = pl.DataFrame({"skill_id": ["b", "c", "c", "d"], "requires_id": ["a", "a", "b", "unheard-of"]})


def list_eligible(
    held: str, *, requires: pl.DataFrame | None = REQUIRES, repeatable: list[str] | None = None
) -> set[str]:
    events = [("p", item, 1) for item in held] + [("q", item, 2) for item in "abcde"]
    interactions = encode_interactions(pl.DataFrame(events, schema=["person_id", "skill_id", "ts"], orient="row"))
    rules = encode_rules(
        requires, None if repeatable is None else pl.Series(repeatable, dtype=pl.String), interactions.items
    )
    mask = rules.eligible_mask(build_user_states(interactions, np.array([0]), np.array([2])), interactions.n_items)
    return set(interactions.items[mask[0]].tolist())


def test_an_item_is_eligible_once_all_it_requires_is_held() -> None:
    assert list_eligible("a") == {"b", "e"}
    assert list_eligible("ab") == {"c", "e"}


def test_an_item_that_requires_an_unknown_item_is_eligible_for_nobody() -> None:
    assert "d" not in list_eligible("abc")


def test_a_repeatable_item_stays_eligible_when_held() -> None:
    assert list_eligible("ab", repeatable=["b"]) == {"b", "c", "e"}
    assert list_eligible("ab", requires=None, repeatable=["e"]) == {"c", "d", "e"}


@settings(deadline=None)
@given(st.sets(st.sampled_from("abcde"), min_size=1))
def test_without_rules_every_item_that_is_not_held_is_eligible(held: set[str]) -> None:
    assert list_eligible("".join(held), requires=None) == set("abcde") - held


def test_a_missing_column_raises() -> None:
    with pytest.raises(ValueError, match="requires_id"):
        encode_rules(pl.DataFrame({"skill_id": ["a"]}), None, np.array(["a"]))


def test_pairs_become_masks_of_blocks_without_unknown_people_and_items() -> None:
    frame = pl.DataFrame({"person_id": ["q", "q", "p", "z"], "skill_id": ["b", "a", "b", "a"]})
    pairs = encode_pairs(frame, np.array(["p", "q"]), np.array(["a", "b"]))
    assert pairs.mask(slice(0, 2), 2).tolist() == [[False, True], [True, True]]
    assert pairs.mask(slice(1, 2), 2).tolist() == [[True, True]]


def test_a_target_that_was_not_eligible_at_the_cut_is_dropped() -> None:
    events = pl.DataFrame(
        {"person_id": ["p"] * 4 + ["q"] * 2, "skill_id": [*list("abced"), "a"], "ts": [1, 5, 6, 7, 1, 2]}
    )
    interactions = encode_interactions(events)
    cases = build_window_cases(interactions, np.array([5]), 10)
    assert interactions.items[cases.item].tolist() == ["b", "c", "e"]
    rules = encode_rules(REQUIRES, None, interactions.items)
    assert interactions.items[drop_closed_targets(cases, interactions, rules, 10).item].tolist() == ["b", "e"]


def test_a_later_use_is_a_target_once_per_window_if_the_item_is_repeatable() -> None:
    events = pl.DataFrame({"person_id": ["p"] * 5, "skill_id": ["a", "b", "a", "a", "b"], "ts": [1, 2, 5, 6, 7]})
    plain = encode_interactions(events)
    assert build_window_cases(plain, np.array([5]), 10).item.tolist() == []
    cases = build_window_cases(replace(plain, is_repeatable=np.array([True, False])), np.array([5]), 10)
    assert cases.item.tolist() == [0]


def add_stages(ladders: pl.DataFrame) -> pl.DataFrame:
    """Each rung as apprentice, for some people later as journeyman, and for a few with refreshes."""
    rows = []
    for number, (person, skill, ts) in enumerate(ladders.iter_rows()):
        rows.append((person, f"{skill}|apprentice", ts))
        if number % 2:
            rows.append((person, f"{skill}|journeyman", ts + timedelta(days=40)))
        if number % 6 == 1:
            rows += [(person, f"{skill}|refresh", ts + timedelta(days=90 * turn)) for turn in (1, 2, 3)]
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")


def test_only_eligible_items_are_recommended_and_repeatable_ones_even_if_held(ladders: pl.DataFrame) -> None:
    events, as_of = add_stages(ladders), datetime(2023, 6, 1)
    upper = events.filter(~pl.col("skill_id").str.ends_with("apprentice"))["skill_id"].unique()
    requires = pl.DataFrame({"skill_id": upper, "requires_id": upper.str.replace(r"\|.*", "|apprentice")})
    repeatable = upper.filter(upper.str.ends_with("refresh"))
    config = replace(choose_config(encode_interactions(events)), n_trees=10)
    recommender = fit_recommender(events, as_of=as_of, config=config, requirements=requires, repeatable_ids=repeatable)
    people = events["person_id"].unique().sort().head(40)
    rows = recommender.score(events, people, as_of=as_of, max_items=30)
    held = events.filter(pl.col("ts") <= as_of).select("person_id", "skill_id").unique()
    restricted = rows.join(requires, on="skill_id")
    met = restricted.join(held, left_on=["person_id", "requires_id"], right_on=["person_id", "skill_id"], how="semi")
    assert restricted.height == met.height > 0
    recommended_again = rows.join(held, on=["person_id", "skill_id"], how="semi")
    assert recommended_again.height > 0
    assert recommended_again["skill_id"].is_in(repeatable.implode()).all()

    excluded = rows.filter(pl.col("rank") <= 5).select("person_id", "skill_id")
    remaining = recommender.score(events, people, as_of=as_of, excluded_pairs=excluded, max_items=30)
    assert remaining.height > 0
    assert remaining.join(excluded, on=["person_id", "skill_id"], how="semi").is_empty()


def test_under_rules_a_target_that_could_not_be_recommended_counts_for_no_model(ladders: pl.DataFrame) -> None:
    events = add_stages(ladders)
    upper = events.filter(pl.col("skill_id").str.ends_with("journeyman"))["skill_id"].unique()
    requires = pl.DataFrame({"skill_id": upper, "requires_id": upper.str.replace(r"\|.*", "|apprentice")})
    unrestricted = evaluate(events, horizon_days=60, model_names=("popularity", "ease"))
    ruled = evaluate(events, horizon_days=60, model_names=("popularity", "ease"), requirements=requires)
    assert ruled.n_targets < unrestricted.n_targets
    assert ruled.models[0].ndcg_at_10 > unrestricted.models[0].ndcg_at_10
