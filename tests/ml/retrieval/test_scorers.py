"""Each scorer on interactions small enough to work out by hand."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from changing_histories import follow_curricula

import ml.retrieval.user_knn
from ml.data.interactions import Interactions, build_user_states, encode_interactions, filter_entries
from ml.retrieval.base import Scorer, build_acquisition_matrix, truncate_to_largest
from ml.retrieval.ease import Ease
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.name_text import NameText, group_names
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.sequence import MAX_TIED_ITEMS, Sequence
from ml.retrieval.user_knn import UserKNN

ONLY_THE_LATEST = {"memory": 1e-3, "decay_moments": 1e-3, "shrink": 0.0}


def encode_paths(*paths: str) -> Interactions:
    """One person per path, one item per letter, one moment per position; letters in brackets share a moment."""
    rows = []
    for person, path in enumerate(paths):
        moment, together = 0, False
        for letter in path:
            together = {"(": True, ")": False}.get(letter, together)
            if letter.isalpha():
                rows.append((f"p{person}", letter, moment))
            moment += not together
    return encode_interactions(pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row"))


def scores_for(scorer: Scorer, interactions: Interactions, person: int, cut: int) -> dict[str, float]:
    row = scorer.score(build_user_states(interactions, np.array([person]), np.array([cut])))[0]
    return dict(zip(interactions.items.tolist(), row.tolist(), strict=True))


def test_popularity_counts_people_not_uses() -> None:
    assert Popularity().fit(encode_paths("aab", "a", "b")).counts.tolist() == [2, 2]


def test_item_knn_is_the_shrunk_cosine() -> None:
    interactions = encode_paths("ab", "ab", "a", "c")
    scores = scores_for(ItemKNN(shrink=1.0).fit(interactions), interactions, 2, 9)
    assert scores == pytest.approx({"a": 0.0, "b": 2 / (np.sqrt(3 * 2) + 1), "c": 0.0})


def test_ease_is_the_textbook_closed_form() -> None:
    interactions = encode_paths("abc", "ab", "bc", "a", "cd")
    held = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 1, 1]], float)
    inverse = np.linalg.inv(held.T @ held + 2.0 * np.eye(4))
    weights = np.eye(4) - inverse / np.diag(inverse)
    assert np.asarray(Ease(ridge=2.0).fit(interactions).matrix) == pytest.approx(weights, abs=1e-5)


def test_an_acquisition_counts_half_as_much_after_a_half_life() -> None:
    events = pl.DataFrame(
        {
            "person_id": ["p", "p", "q", "q"],
            "skill_id": ["a", "b", "a", "b"],
            # p used a and b last 100 days before q did
            "ts": [datetime(2024, 1, 1), datetime(2024, 1, 1), datetime(2024, 4, 10), datetime(2024, 4, 10)],
        }
    )
    matrix = build_acquisition_matrix(encode_interactions(events), half_life_days=100.0).toarray()
    # the products of p and q are as 1 to 2, and their mean is 1
    assert (matrix**2).tolist() == pytest.approx(np.array([[2 / 3, 2 / 3], [4 / 3, 4 / 3]]))
    used_again = pl.concat([events, events.head(1).with_columns(ts=pl.lit(datetime(2024, 4, 10)))])
    assert build_acquisition_matrix(encode_interactions(used_again), half_life_days=100.0).toarray()[0, 0] > 1
    assert build_acquisition_matrix(encode_interactions(events)).toarray().tolist() == [[1, 1], [1, 1]]


def test_markov_is_directed() -> None:
    interactions = encode_paths("ab", "ab", "ab", "a", "b")
    scorer = Markov(decay_moments=1.0, shrink=0.1).fit(interactions)
    forward, backward = scores_for(scorer, interactions, 3, 9), scores_for(scorer, interactions, 4, 9)
    assert forward["b"] > 0.9
    assert backward["a"] == pytest.approx(0.0)


def test_markov_ignores_the_order_within_a_moment() -> None:
    scorer = Markov(shrink=0.0).fit(encode_paths("(ab)c", "(ab)c"))
    matrix = np.asarray(scorer.matrix)
    assert matrix[0, 1] == matrix[1, 0] == 0.0
    assert matrix[0, 2] == matrix[1, 2] == 1.0


def test_user_knn_votes_with_what_similar_people_acquired_next() -> None:
    interactions = encode_paths("abc", "abc", "xyz", "ab")
    scores = scores_for(UserKNN().fit(interactions), interactions, 3, 9)
    assert max(scores, key=lambda item: scores[item] * (item not in "ab")) == "c"
    assert scores["z"] == 0.0


def test_user_knn_gives_the_same_votes_whether_cosines_are_computed_densely_or_not(
    small_ladders: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    interactions = encode_interactions(small_ladders)
    # all neighbours vote, so that ties between them do not matter
    scorer = UserKNN(neighbours=10**6).fit(interactions)
    people = np.arange(interactions.n_people)
    states = build_user_states(interactions, people, np.full(len(people), int(interactions.time.max())))
    scores = {}
    for minimum in (0.0, 1.1):
        monkeypatch.setattr(ml.retrieval.user_knn, "MIN_DENSITY", minimum)
        monkeypatch.setattr(ml.retrieval.user_knn, "COMPARED_ROWS", 7)
        scores[minimum] = scorer.score(states)
    np.testing.assert_allclose(scores[0.0], scores[1.1], rtol=1e-5)  # votes are added in another order
    assert scores[0.0].any()


def test_recent_popularity_sees_only_whole_bins_before_the_cut() -> None:
    days = [f"2024-{month:02d}-01" for month in (1, 3, 5, 7, 12)]
    events = pl.DataFrame({"person_id": list("abcde"), "skill_id": list("uuvvw"), "ts": days}).with_columns(
        pl.col("ts").str.to_date()
    )
    interactions = encode_interactions(events)
    trend = RecentPopularity().fit(interactions)
    cut = interactions.time[[2, 4]]
    assert trend.total_counts(cut).tolist() == [[2, 0, 0], [2, 2, 0]]
    assert trend.recent_counts(cut, 10_000).tolist() == trend.total_counts(cut).tolist()
    assert trend.recent_counts(cut, 1).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_names_that_share_rare_words_are_similar() -> None:
    interactions = encode_interactions(
        pl.DataFrame(
            {"person_id": ["p"] * 4, "skill_id": ["tax/law", "tax/duty", "x/ray", "x/files"], "ts": [1, 2, 3, 4]}
        )
    )
    matrix = NameText().fit(interactions).matrix.toarray()  # items sort as tax/duty, tax/law, x/files, x/ray
    assert matrix[0, 1] > 0
    assert matrix[0, 2] == matrix[0, 0] == 0
    by_first_word, by_first_part, by_two_parts = group_names(interactions.items).tolist()
    assert by_first_word == by_first_part == [0, 0, 1, 1]
    assert by_two_parts == [0, 1, 2, 3]


def test_names_without_words_are_not_similar() -> None:
    interactions = encode_interactions(pl.DataFrame({"person_id": ["p", "p"], "skill_id": ["1", "2"], "ts": [1, 2]}))
    assert NameText().fit(interactions).matrix.nnz == 0


def test_truncation_keeps_the_entries_of_largest_size() -> None:
    matrix = np.array([[0.1, -5.0, 3.0, 0.2, 0.0, 0.3, 0.0, 0.0, 0.0]], np.float32)
    assert truncate_to_largest(matrix, 2).toarray().tolist() == [[0, -5.0, 3.0, 0, 0, 0, 0, 0, 0]]
    assert truncate_to_largest(matrix, 3) is matrix


def test_two_paths_that_share_an_item_go_on_differently() -> None:
    interactions = encode_paths("abc", "abc", "xby", "xby", "ab")
    scores = scores_for(Sequence(reach=1, back_off=2.0, **ONLY_THE_LATEST).fit(interactions), interactions, 4, 9)
    # after (a, b) c came twice: (2 + 2 * p1) / (2 + 2), where c and y follow b equally often
    assert scores == pytest.approx({"a": 0.0, "b": 0.0, "c": (2 + 2 * 0.5) / 4, "x": 0.0, "y": 2 * 0.5 / 4})


def test_a_skip_gram_bridges_an_item_that_nobody_else_took() -> None:
    interactions = encode_paths("ambc", "anbc", "xobz", "xpbz", "aqb")
    skipping = scores_for(Sequence(reach=2, back_off=2.0, **ONLY_THE_LATEST).fit(interactions), interactions, 4, 9)
    # (a, b) was seen twice, two moments apart, and counts half: (1 + 2 * p1) / (1 + 2)
    assert (skipping["c"], skipping["z"]) == pytest.approx(((1 + 2 * 0.5) / 3, 2 * 0.5 / 3))
    adjacent = scores_for(Sequence(reach=1, back_off=2.0, **ONLY_THE_LATEST).fit(interactions), interactions, 4, 9)
    # (q, b) is unknown: the first-order shares
    assert (adjacent["c"], adjacent["z"]) == pytest.approx((0.5, 0.5))


def test_a_pair_that_was_seen_once_backs_off() -> None:
    interactions = encode_paths("abc", "xby", "ab")
    assert not len(Sequence(**ONLY_THE_LATEST).fit(interactions).pair_keys)


def test_large_moments_make_no_pairs() -> None:
    tied = "defgh"
    assert len(tied) > MAX_TIED_ITEMS
    interactions = encode_paths(f"a({tied})z", f"a({tied})z")
    assert not len(Sequence(**ONLY_THE_LATEST).fit(interactions).pair_keys)
    # two pairs: (a, d) and (a, e)
    assert len(Sequence(**ONLY_THE_LATEST).fit(encode_paths("a(de)z", "a(de)z")).pair_keys) == 2


@pytest.fixture(scope="module")
def curricula() -> Interactions:
    return encode_interactions(follow_curricula())


def test_dense_and_sparse_scores_are_the_same(curricula: Interactions) -> None:
    scorer = Sequence().fit(curricula)
    people = np.arange(curricula.n_people)
    states = build_user_states(curricula, people, np.full(len(people), int(curricula.time.max())))
    np.testing.assert_allclose(scorer.score_sparse(states).toarray(), scorer.score(states), rtol=1e-5)


def test_what_extends_first_order_transitions_equals_a_fit(curricula: Interactions) -> None:
    extended, fitted = Sequence.extend(Markov().fit(curricula), curricula), Sequence().fit(curricula)
    assert np.array_equal(extended.pair_keys, fitted.pair_keys)
    assert np.array_equal(extended.pair_shares.toarray(), fitted.pair_shares.toarray())
    assert np.array_equal(np.asarray(extended.matrix), np.asarray(fitted.matrix))


def test_a_fixed_order_of_shared_items_is_reached(curricula: Interactions) -> None:
    """The last item of everybody with three items before it: the order of the own curriculum decides."""
    people = np.arange(curricula.n_people)
    last = curricula.start[1:] - 1
    states = build_user_states(curricula, people, curricula.time[last])
    is_last = np.zeros(len(curricula.item), bool)
    is_last[last] = True
    history = filter_entries(curricula, ~is_last)
    hit_share = {}
    for scorer in (Markov(decay_moments=0.7).fit(history), Sequence(decay_moments=0.7).fit(history)):
        scores = np.where(states.held_mask(curricula.n_items), -np.inf, scorer.score(states))
        is_hit = scores.argmax(axis=1) == curricula.item[last]
        hit_share[type(scorer)] = is_hit[states.item_counts >= 3].mean()
    assert hit_share[Sequence] > 0.85  # nobody else went beyond some of the last items
    assert hit_share[Markov] < 0.6
