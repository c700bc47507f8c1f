"""Precedence learnt from histories: which micro-skill comes before which, where no taxonomy says so.

Belongs here: counting who took what first, the test for chance, and the reduction to direct steps.
Does not belong here: what a taxonomy declares (`pipelines.core.taxonomy`), what precedence does to readiness
(`ml.recommend.motives`).

Of two micro-skills A comes before B where, among people who took both, A came first far more often than B (exact
binomial sign test, Benjamini and Hochberg 1995 over all pairs tried), and next to everyone who took B held A.
"""

from graphlib import TopologicalSorter

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse, stats
from scipy.sparse import csgraph

from pipelines.contracts.feature_tables import PRECEDENCE
from pipelines.contracts.policy import PrerequisitePolicy

Ints = NDArray[np.int64]
# Pairs are counted in a square table: of more micro-skills the most taken, since the rest has too few people anyway.
MOST_SKILLS = 4_000
# People counted at a time: some twenty million pairs.
_BLOCK_ROWS = 1_000_000


def declare_prerequisites(prerequisites: pl.DataFrame) -> pl.DataFrame:
    """What the taxonomy declares, in the contract of the table: is_learnt is false and nothing is counted."""
    known = {"skill_id", "requires_skill_id"}
    return prerequisites.select(
        *known,
        pl.lit(False).alias("is_learnt"),
        *(pl.lit(None, dtype).alias(n) for n, dtype in PRECEDENCE.schema.items() if n not in {*known, "is_learnt"}),
    ).select(PRECEDENCE.column_names)


def learn_prerequisites(steps: pl.DataFrame, policy: PrerequisitePolicy) -> pl.DataFrame:
    """One row per micro-skill and one that directly comes before it, as histories show; without a cycle.

    steps: person_id, skill_id, kind, reached_at (`reach_steps`); only what is taken up (`new`) counts.
    """
    taken = steps.filter(pl.col("kind") == "new").group_by("person_id", "skill_id").agg(pl.col("reached_at").min())
    takers = taken.group_by("skill_id").len("takers").filter(pl.col("takers") >= policy.least_people)
    takers = takers.sort("takers", "skill_id", descending=[True, False]).head(MOST_SKILLS).sort("skill_id")
    if takers.height < 2:
        return pl.DataFrame(schema=PRECEDENCE.schema)
    names = takers["skill_id"].to_numpy().astype(str)
    first = _count_first(taken, takers["skill_id"])  # later x earlier
    number = takers["takers"].to_numpy()[:, None]
    both = first + first.T
    held = first / number
    tried = (both >= policy.least_people) & (first > first.T)
    later, earlier = np.nonzero(tried)
    if not later.size:
        return pl.DataFrame(schema=PRECEDENCE.schema)
    chance = stats.binom.sf(first[later, earlier] - 1, both[later, earlier], 0.5)
    found = pl.DataFrame(
        {
            "later": later,
            "earlier": earlier,
            "before_count": first[later, earlier],
            "after_count": first[earlier, later],
            "held_share": held[later, earlier],
            "discovery_share": stats.false_discovery_control(chance),
        }
    )
    ahead = pl.col("before_count") / (pl.col("before_count") + pl.col("after_count"))
    found = found.filter(
        pl.col("discovery_share") <= policy.discovery_share,
        pl.col("held_share") >= policy.held_share,
        ahead >= policy.ahead_share,
    )
    direct = _reduce(_without_cycles(found, len(names)))
    return direct.select(
        pl.Series("skill_id", names[direct["later"].to_numpy()], dtype=pl.String),
        pl.Series("requires_skill_id", names[direct["earlier"].to_numpy()], dtype=pl.String),
        pl.lit(True).alias("is_learnt"),
        *(pl.col(name).cast(PRECEDENCE.schema[name]) for name in PRECEDENCE.column_names[3:]),
    ).sort("skill_id", "requires_skill_id")


def _count_first(taken: pl.DataFrame, skill_ids: pl.Series) -> Ints:
    """Later x earlier: how many people took the one strictly before the other."""
    size = len(skill_ids)
    known = taken.filter(pl.col("skill_id").is_in(skill_ids.implode()))
    known = known.with_columns(skill_ids.search_sorted(known["skill_id"]).alias("code")).sort("person_id", "reached_at")
    person = known["person_id"].rle_id().to_numpy().astype(np.int64)
    code, at = known["code"].to_numpy().astype(np.int64), known["reached_at"].to_physical().to_numpy()
    counts = np.zeros(size * size, np.int64)
    for begin in range(0, len(person), _BLOCK_ROWS):
        rows = np.arange(begin, min(begin + _BLOCK_ROWS, len(person)))
        for ahead in range(1, len(person)):
            rows = rows[rows + ahead < len(person)]
            rows = rows[person[rows] == person[rows + ahead]]
            if not rows.size:
                break
            apart = rows[at[rows] < at[rows + ahead]]
            counts += np.bincount(code[apart + ahead] * size + code[apart], minlength=size * size)
    return counts.reshape(size, size)


def _without_cycles(edges: pl.DataFrame, size: int) -> pl.DataFrame:
    """The edges but those within a circle: where A seems to come before itself, histories show no order."""
    if edges.is_empty():
        return edges
    later, earlier = edges["later"].to_numpy(), edges["earlier"].to_numpy()
    graph = sparse.csr_matrix((np.ones(len(later)), (later, earlier)), shape=(size, size))
    _, component = csgraph.connected_components(graph, directed=True, connection="strong")
    return edges.filter(pl.Series(component[later] != component[earlier]))


def _reduce(edges: pl.DataFrame) -> pl.DataFrame:
    """The transitive reduction: an edge that a chain of others says as well is left out."""
    needs: dict[int, set[int]] = {}
    for later, earlier in edges.select("later", "earlier").iter_rows():
        needs.setdefault(later, set()).add(earlier)
    reach: dict[int, set[int]] = {}
    kept: set[tuple[int, int]] = set()
    for skill in TopologicalSorter(needs).static_order():
        direct = needs.get(skill, set())
        beyond = set().union(*(reach[other] for other in direct)) if direct else set()
        reach[skill] = direct | beyond
        kept |= {(skill, other) for other in direct - beyond}
    rows = [pair in kept for pair in edges.select("later", "earlier").iter_rows()]
    return edges.filter(pl.Series(rows, dtype=pl.Boolean))
