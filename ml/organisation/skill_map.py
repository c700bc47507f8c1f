"""The map of micro-skills: what the same people practise lies close together.

Belongs here: distances from evidence, and places on a plane that stay where they are from run to run.
Does not belong here: drawing the map (`pipelines.publish.site.skill_map`).
"""

import hashlib

import numpy as np
import polars as pl
from scipy.linalg import orthogonal_procrustes
from scipy.sparse import csr_array
from sklearn.manifold import smacof

from ml.data.encoding import encode_ids
from ml.data.sparse_rows import Doubles
from pipelines.contracts.craft_tables import SKILL_MAP
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

# The micro-skills of the most people: more could not be told apart on a page, and the layout takes their square.
MOST_SKILLS = 100
# Neighbours of a micro-skill in the text alternative.
NEIGHBOUR_COUNT = 3
_ITERATIONS = 60
_DECIMALS = 3
_COLUMNS = tuple(column for column in SKILL_MAP.column_names if column not in ROW_METADATA_COLUMNS)


def lay_out_skills(practised_skills: pl.DataFrame, skills: pl.DataFrame, minimum_people: int) -> pl.DataFrame:
    """Place the micro-skills of the most people on a plane.

    Args:
        practised_skills: One row per person and micro-skill with evidence: person_id, skill_id.
        skills: skill_id, capability_id.
        minimum_people: Fewer people place no micro-skill, and bring no two of them together.

    Returns:
        One row per micro-skill, in the contract `out__skill_map` without the metadata of the run. The same evidence
        gives the same map, whatever earlier runs drew.
    """
    people_counts = (
        practised_skills.unique(["person_id", "skill_id"])
        .group_by("skill_id")
        .len("map_people_count")
        .filter(pl.col("map_people_count") >= minimum_people)
        .sort(-pl.col("map_people_count").cast(pl.Int64), "skill_id")
        .head(MOST_SKILLS)
        .sort("skill_id")
        .join(skills.select("skill_id", "capability_id"), on="skill_id", maintain_order="left")
    )
    schema = {column: SKILL_MAP.schema[column] for column in _COLUMNS}
    if people_counts.is_empty():
        return pl.DataFrame(schema=schema)
    skill_ids = people_counts["skill_id"]
    pair_counts = _count_pairs(practised_skills, skill_ids, minimum_people)
    similarity = compute_similarity(pair_counts, people_counts["map_people_count"].to_numpy())
    places = place_points(1 - similarity, place_reference(people_counts))
    neighbours = _list_neighbours(similarity, skill_ids)
    return people_counts.with_columns(
        pl.Series("map_x", places[:, 0]), pl.Series("map_y", places[:, 1]), neighbours
    ).select(pl.col(column).cast(dtype) for column, dtype in schema.items())


def compute_similarity(pair_counts: Doubles, people_counts: Doubles) -> Doubles:
    """How much the people of two micro-skills are the same: n_ij / sqrt(n_i n_j), 0 to 1, 1 on the diagonal.

    Ochiai (1957), Bulletin of the Japanese Society of Scientific Fisheries 22; the cosine of the columns of the matrix
    of people and micro-skills.

    Args:
        pair_counts: People of both micro-skills, a square.
        people_counts: People of each micro-skill.
    """
    similarity: Doubles = pair_counts / np.sqrt(np.outer(people_counts, people_counts))
    np.fill_diagonal(similarity, 1.0)
    return similarity


def place_points(distances: Doubles, reference: Doubles) -> Doubles:
    """Place points on a plane so that their distances there are close to those given.

    SMACOF (de Leeuw 1977, Applications of Convex Analysis to Multidimensional Scaling) lowers the stress step by step.
    It begins at the reference and is turned back to it by orthogonal Procrustes (Schoenemann 1966, Psychometrika 31):
    a little more evidence moves the points a little.

    Args:
        distances: Wanted distances, a symmetric square.
        reference: Where each point begins, x and y.

    Returns:
        x and y of each point, with mean 0 and mean square distance from it 1.
    """
    begins_at = _standardise(reference)
    if len(begins_at) < 3:
        return begins_at.round(_DECIMALS)
    places, _ = smacof(
        distances, init=begins_at * distances.mean(), n_init=1, max_iter=_ITERATIONS, random_state=0, n_jobs=1
    )
    places = _standardise(places)
    turn, _ = orthogonal_procrustes(places, begins_at)
    turned_places: Doubles = (places @ turn).round(_DECIMALS) + 0.0  # no negative zero
    return turned_places


def place_reference(skills: pl.DataFrame) -> Doubles:
    """Where each micro-skill begins: its capability's place on a circle, and its own place beside it, by their names.

    Args:
        skills: skill_id and capability_id (null for none).

    Returns:
        x and y of each micro-skill. They depend on the two ids alone.
    """
    capability_turns = [_hash_turn(capability_id or skill_id) for skill_id, capability_id in _iterate_ids(skills)]
    own_turns = [_hash_turn(skill_id) for skill_id, _ in _iterate_ids(skills)]
    radians, own_radians = 2 * np.pi * np.array(capability_turns), 2 * np.pi * np.array(own_turns)
    places = np.column_stack([np.cos(radians), np.sin(radians)])
    return places + 0.3 * np.column_stack([np.cos(own_radians), np.sin(own_radians)])


def _iterate_ids(skills: pl.DataFrame) -> list[tuple[str, str | None]]:
    return skills.select("skill_id", "capability_id").rows()


def _hash_turn(text: str) -> float:
    """A number from 0 to 1 that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


def _standardise(places: Doubles) -> Doubles:
    centred: Doubles = places - places.mean(axis=0)
    return centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-12)


def _count_pairs(practised_skills: pl.DataFrame, skill_ids: pl.Series, minimum_people: int) -> Doubles:
    """People with evidence of each two micro-skills; 0 if they are too few."""
    rows = practised_skills.filter(pl.col("skill_id").is_in(skill_ids.implode())).unique(["person_id", "skill_id"])
    people, skills = encode_ids(rows["person_id"], rows["person_id"].unique()), encode_ids(rows["skill_id"], skill_ids)
    practises = csr_array((np.ones(rows.height), (people, skills)), shape=(int(people.max()) + 1, len(skill_ids)))
    pair_counts: Doubles = (practises.T @ practises).toarray()
    return np.where(pair_counts >= minimum_people, pair_counts, 0.0)


def _list_neighbours(similarity: Doubles, skill_ids: pl.Series) -> pl.Series:
    """The most similar other micro-skills of each one, without those that nobody practises as well."""
    others = similarity - np.eye(len(similarity))
    nearest = np.argsort(-others, axis=1, kind="stable")[:, :NEIGHBOUR_COUNT]
    ids = skill_ids.to_list()
    return pl.Series(
        "neighbour_skill_ids",
        [[ids[other] for other in row if others[index, other] > 0] for index, row in enumerate(nearest)],
        dtype=pl.List(pl.String),
    )
