"""Prerequisites learned from reached steps: which micro-skill comes before which, if no taxonomy declares it.

Belongs here: counting who acquired what first, the test against chance, and the reduction to direct prerequisites.
Does not belong here: what a taxonomy declares (`pipelines.taxonomies`), readiness (`ml.recommend.motives`).

Micro-skill A is a prerequisite of B if, among people who acquired both, A came first far more often than B (exact
binomial sign test, Benjamini and Hochberg 1995 over all pairs tried), and nearly everyone who acquired B held A.
"""

import numpy as np
import polars as pl
from scipy import sparse, stats
from scipy.sparse import csgraph

from ml.data.encoding import encode_ids
from ml.data.sparse_rows import Ints
from pipelines.contracts.feature_tables import PRECEDENCE
from pipelines.contracts.policy import PrerequisitePolicy

# Pairs are counted in a square table. Of more micro-skills only those that most people acquired are counted.
MAX_SKILLS = 4_000
# Rows counted at a time: some twenty million pairs.
_BLOCK_ROWS = 1_000_000


def declare_prerequisites(prerequisites: pl.DataFrame) -> pl.DataFrame:
    """Return what the taxonomy declares.

    Args:
        prerequisites: Rows of PREREQUISITE.

    Returns:
        Rows of PRECEDENCE: is_learnt is False, and counts and shares are null.
    """
    null_columns = (pl.lit(None, PRECEDENCE.schema[column]).alias(column) for column in PRECEDENCE.column_names[3:])
    return prerequisites.select("skill_id", "requires_skill_id", pl.lit(False).alias("is_learnt"), *null_columns)


def learn_prerequisites(reached_steps: pl.DataFrame, policy: PrerequisitePolicy) -> pl.DataFrame:
    """Return the direct prerequisites that reached steps show, without cycles.

    Args:
        reached_steps: Rows of REACHED_STEP; only steps of the kind `new` count.
        policy: The company's thresholds.

    Returns:
        Rows of PRECEDENCE, one per micro-skill and one that directly comes before it.
    """
    acquisitions = (
        reached_steps.filter(pl.col("kind") == "new").group_by("person_id", "skill_id").agg(pl.col("reached_at").min())
    )
    counted_skills = acquisitions.group_by("skill_id").len("people").filter(pl.col("people") >= policy.least_people)
    counted_skills = (
        counted_skills.sort("people", "skill_id", descending=[True, False]).head(MAX_SKILLS).sort("skill_id")
    )
    precedence_counts = _count_precedence(acquisitions, counted_skills["skill_id"])  # later x earlier
    both_acquired_counts = precedence_counts + precedence_counts.T
    held_shares = precedence_counts / counted_skills["people"].to_numpy()[:, None]
    later_codes, earlier_codes = np.nonzero(
        (both_acquired_counts >= policy.least_people) & (precedence_counts > precedence_counts.T)
    )
    if not later_codes.size:
        return pl.DataFrame(schema=PRECEDENCE.schema)
    before_counts = precedence_counts[later_codes, earlier_codes]
    after_counts = precedence_counts[earlier_codes, later_codes]
    p_values = stats.binom.sf(before_counts - 1, before_counts + after_counts, 0.5)
    tested_pairs = pl.DataFrame(
        {
            "skill_id": counted_skills["skill_id"].gather(later_codes),
            "requires_skill_id": counted_skills["skill_id"].gather(earlier_codes),
            "is_learnt": np.ones(later_codes.size, bool),
            "before_count": before_counts,
            "after_count": after_counts,
            "held_share": held_shares[later_codes, earlier_codes],
            "discovery_share": stats.false_discovery_control(p_values),
            "later": later_codes,
            "earlier": earlier_codes,
        }
    )
    accepted_pairs = tested_pairs.filter(
        pl.col("discovery_share") <= policy.discovery_share,
        pl.col("held_share") >= policy.held_share,
        pl.col("before_count") / (pl.col("before_count") + pl.col("after_count")) >= policy.ahead_share,
    )
    # micro-skills of one cycle have no order
    precedence_graph, later_codes, earlier_codes = _build_graph(accepted_pairs, counted_skills.height)
    _, cycle_codes = csgraph.connected_components(precedence_graph, directed=True, connection="strong")
    acyclic_pairs = accepted_pairs.filter(pl.Series(cycle_codes[later_codes] != cycle_codes[earlier_codes]))
    # transitive reduction: a pair that a chain of other pairs implies is dropped
    precedence_graph, later_codes, earlier_codes = _build_graph(acyclic_pairs, counted_skills.height)
    is_reachable = np.isfinite(csgraph.shortest_path(precedence_graph, unweighted=True)) & ~np.eye(
        counted_skills.height, dtype=bool
    )
    direct_pairs = acyclic_pairs.filter(pl.Series((precedence_graph @ is_reachable)[later_codes, earlier_codes] == 0))
    return direct_pairs.select(pl.col(column).cast(dtype) for column, dtype in PRECEDENCE.schema.items()).sort(
        "skill_id", "requires_skill_id"
    )


def _build_graph(precedence_pairs: pl.DataFrame, n_skills: int) -> tuple[sparse.csr_matrix, Ints, Ints]:
    """The pairs as a matrix later x earlier, and their codes."""
    later_codes, earlier_codes = precedence_pairs["later"].to_numpy(), precedence_pairs["earlier"].to_numpy()
    return (
        sparse.csr_matrix((np.ones(len(later_codes)), (later_codes, earlier_codes)), shape=(n_skills, n_skills)),
        later_codes,
        earlier_codes,
    )


def _count_precedence(acquisitions: pl.DataFrame, skill_ids: pl.Series) -> Ints:
    """Later x earlier micro-skill: how many people acquired the earlier one strictly before the later one."""
    n_skills, code_column = len(skill_ids), pl.Series("code", encode_ids(acquisitions["skill_id"], skill_ids))
    coded_acquisitions = (
        acquisitions.with_columns(code_column).filter(pl.col("code") >= 0).sort("person_id", "reached_at")
    )
    person_numbers = coded_acquisitions["person_id"].rle_id().to_numpy().astype(np.int64)
    skill_codes = coded_acquisitions["code"].to_numpy()
    reached_ticks = coded_acquisitions["reached_at"].to_physical().to_numpy()
    precedence_counts = np.zeros(n_skills * n_skills, np.int64)
    for block_start in range(0, len(person_numbers), _BLOCK_ROWS):
        row_indices = np.arange(block_start, min(block_start + _BLOCK_ROWS, len(person_numbers)))
        for rows_ahead in range(1, len(person_numbers)):
            row_indices = row_indices[row_indices + rows_ahead < len(person_numbers)]
            row_indices = row_indices[person_numbers[row_indices] == person_numbers[row_indices + rows_ahead]]
            if not row_indices.size:
                break
            earlier_rows = row_indices[reached_ticks[row_indices] < reached_ticks[row_indices + rows_ahead]]
            precedence_counts += np.bincount(
                skill_codes[earlier_rows + rows_ahead] * n_skills + skill_codes[earlier_rows],
                minlength=n_skills * n_skills,
            )
    return precedence_counts.reshape(n_skills, n_skills)
