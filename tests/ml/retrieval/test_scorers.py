"""Each scorer on interactions small enough to work out by hand."""

import numpy as np
import polars as pl
import pytest

import ml.retrieval.user_knn
from ml.data.interactions import Interactions, build_user_states, encode_interactions
from ml.retrieval.base import Scorer, truncate_to_largest
from ml.retrieval.ease import Ease
from ml.retrieval.item_knn import ItemKNN
from ml.retrieval.markov import Markov
from ml.retrieval.name_text import NameText, group_names
from ml.retrieval.popularity import Popularity
from ml.retrieval.recent_popularity import RecentPopularity
from ml.retrieval.user_knn import UserKNN


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
