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

# Pairs are counted in a square table. If there are more micro-skills, the most acquired count: the rest has few people.
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
    nothing_counted = (pl.lit(None, PRECEDENCE.schema[name]).alias(name) for name in PRECEDENCE.column_names[3:])
    return prerequisites.select("skill_id", "requires_skill_id", pl.lit(False).alias("is_learnt"), *nothing_counted)


def learn_prerequisites(steps: pl.DataFrame, policy: PrerequisitePolicy) -> pl.DataFrame:
    """Return the direct prerequisites that reached steps show, without cycles.

    Args:
        steps: Rows of REACHED_STEP; only steps of the kind `new` count.
        policy: The company's thresholds.

    Returns:
        Rows of PRECEDENCE, one per micro-skill and one that directly comes before it.
    """
    acquired = steps.filter(pl.col("kind") == "new").group_by("person_id", "skill_id").agg(pl.col("reached_at").min())
    skills = acquired.group_by("skill_id").len("people").filter(pl.col("people") >= policy.least_people)
    skills = skills.sort("people", "skill_id", descending=[True, False]).head(MAX_SKILLS).sort("skill_id")
    first = _count_first(acquired, skills["skill_id"])  # later x earlier
    both, held_share = first + first.T, first / skills["people"].to_numpy()[:, None]
    later, earlier = np.nonzero((both >= policy.least_people) & (first > first.T))
    if not later.size:
        return pl.DataFrame(schema=PRECEDENCE.schema)
    before, after = first[later, earlier], first[earlier, later]
    chance = stats.binom.sf(before - 1, before + after, 0.5)
    tried = pl.DataFrame(
        {
            "skill_id": skills["skill_id"].gather(later),
            "requires_skill_id": skills["skill_id"].gather(earlier),
            "is_learnt": np.ones(later.size, bool),
            "before_count": before,
            "after_count": after,
            "held_share": held_share[later, earlier],
            "discovery_share": stats.false_discovery_control(chance),
            "later": later,
            "earlier": earlier,
        }
    )
    accepted = tried.filter(
        pl.col("discovery_share") <= policy.discovery_share,
        pl.col("held_share") >= policy.held_share,
        pl.col("before_count") / (pl.col("before_count") + pl.col("after_count")) >= policy.ahead_share,
    )
    # micro-skills of one circle have no order
    graph, later, earlier = _build_graph(accepted, skills.height)
    _, circle = csgraph.connected_components(graph, directed=True, connection="strong")
    ordered = accepted.filter(pl.Series(circle[later] != circle[earlier]))
    # transitive reduction: a pair that a chain of other pairs implies is dropped
    graph, later, earlier = _build_graph(ordered, skills.height)
    is_reachable = np.isfinite(csgraph.shortest_path(graph, unweighted=True)) & ~np.eye(skills.height, dtype=bool)
    direct = ordered.filter(pl.Series((graph @ is_reachable)[later, earlier] == 0))
    return direct.select(pl.col(name).cast(dtype) for name, dtype in PRECEDENCE.schema.items()).sort(
        "skill_id", "requires_skill_id"
    )


def _build_graph(pairs: pl.DataFrame, size: int) -> tuple[sparse.csr_matrix, Ints, Ints]:
    """The pairs as a matrix later x earlier, and their codes."""
    later, earlier = pairs["later"].to_numpy(), pairs["earlier"].to_numpy()
    return sparse.csr_matrix((np.ones(len(later)), (later, earlier)), shape=(size, size)), later, earlier


def _count_first(acquired: pl.DataFrame, skill_ids: pl.Series) -> Ints:
    """Later x earlier: how many people acquired the one strictly before the other."""
    size, codes = len(skill_ids), pl.Series("code", encode_ids(acquired["skill_id"], skill_ids))
    rows = acquired.with_columns(codes).filter(pl.col("code") >= 0).sort("person_id", "reached_at")
    person, code = rows["person_id"].rle_id().to_numpy().astype(np.int64), rows["code"].to_numpy()
    time, counts = rows["reached_at"].to_physical().to_numpy(), np.zeros(size * size, np.int64)
    for begin in range(0, len(person), _BLOCK_ROWS):
        places = np.arange(begin, min(begin + _BLOCK_ROWS, len(person)))
        for ahead in range(1, len(person)):
            places = places[places + ahead < len(person)]
            places = places[person[places] == person[places + ahead]]
            if not places.size:
                break
            earlier = places[time[places] < time[places + ahead]]
            counts += np.bincount(code[earlier + ahead] * size + code[earlier], minlength=size * size)
    return counts.reshape(size, size)
