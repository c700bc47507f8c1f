"""The ranker's features of each person, in memory: what the model sees of somebody.

Belongs here: one row of numbers per person.
Does not belong here: the features (`ml.ranking.features`), what they reveal (`predictability`).
"""

from dataclasses import replace

import numpy as np
import polars as pl

from ml.data.interactions import (
    Moment,
    as_tick,
    encode_interactions,
    filter_before,
    reindex_items,
    reindex_people,
    slice_people,
)
from ml.ranking.cases import iter_blocks
from ml.ranking.ranked_block import RankedBlock
from ml.ranking.recommender import PEOPLE_PER_TASK, Recommender

# The best candidates of a person, over which a feature is averaged: about as many as a list has.
DESCRIBED_CANDIDATES = 10


def average_features(
    recommender: Recommender, events: pl.DataFrame, person_ids: pl.Series, *, as_of: Moment
) -> pl.DataFrame:
    """Average each feature of the ranker over the best candidates of each person.

    Args:
        recommender: The recommender in use.
        events: person_id, skill_id (the item), ts; events after `as_of` are not looked at.
        person_ids: Ids of the people.
        as_of: Date or time of the recommendations.

    Returns:
        One row per person with a candidate that the ranker ranked: person_id, and one column per feature, null if the
        feature is not known. No rows if the recommender has no ranker.
    """
    requested_ids = np.unique(np.asarray(person_ids.to_list(), str))
    cutoff_tick = as_tick(as_of) + 1
    history = filter_before(encode_interactions(events), cutoff_tick)
    history = reindex_items(history, np.union1d(recommender.ensemble.items, history.items[history.used_items]))
    updated_recommender = recommender.with_interactions(history)
    interactions = reindex_people(replace(history, is_repeatable=updated_recommender.rules.repeatable), requested_ids)
    block_rows = [pl.DataFrame(schema={"person_id": pl.String})]
    for people_slice in iter_blocks(
        len(requested_ids), min(PEOPLE_PER_TASK, recommender.config.block_rows(interactions.n_items))
    ):
        people = slice_people(interactions, people_slice)
        person_codes = np.arange(people.n_people)
        for row_indices, ranked_block in updated_recommender.rank_people(
            people, person_codes, np.full(len(person_codes), cutoff_tick), DESCRIBED_CANDIDATES
        ):
            if ranked_block.ranker is not None:
                block_rows.append(_average_block(ranked_block, people.people[row_indices]))
    return pl.concat(block_rows, how="diagonal").sort("person_id")


def _average_block(ranked_block: RankedBlock, person_ids: np.ndarray) -> pl.DataFrame:
    assert ranked_block.ranker is not None
    is_known = ranked_block.is_candidate[:, :, None] & np.isfinite(ranked_block.features)
    known_counts = is_known.sum(axis=1)
    feature_sums = np.where(is_known, ranked_block.features, 0.0).sum(axis=1, dtype=np.float64)
    feature_means = feature_sums / np.maximum(known_counts, 1)
    feature_means[known_counts == 0] = np.nan
    feature_columns = {
        feature.name: pl.Series(feature_means[:, feature_index]).fill_nan(None)
        for feature_index, feature in enumerate(ranked_block.ranker.features)
    }
    return pl.DataFrame({"person_id": pl.Series(person_ids.tolist(), dtype=pl.String), **feature_columns})
