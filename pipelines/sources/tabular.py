"""Any CSV, Parquet or JSON file, mapped onto any canonical shape by configuration alone.

Belongs here: the declaration of the system `tabular`, which has no columns of its own.
Does not belong here: a system with columns of its own.
"""

from pipelines.sources.declaration import Adapter

ADAPTER = Adapter(
    system="tabular",
    title="Any table, mapped by configuration",
    domain="feedback",
    formats=("csv", "json", "parquet"),
    notes="Needs `shape` and `mapping` in footsteps.yaml.",
)
