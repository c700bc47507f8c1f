"""Every table that lies in the lake and is no raw table: those of runs and those of commands.

Belongs here: the one list that access, erasure, retention, the dictionary and the documentation pack go over.
Does not belong here: the tables that a run computes (`catalog`), the register of badges (`badge_register`).
"""

from pipelines.contracts.badge_register import ISSUED_BADGE
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.table import Table

# Tables that commands write and no run computes.
COMMAND_TABLES: tuple[Table, ...] = (ISSUED_BADGE,)
STORED_TABLES: dict[str, Table] = TABLES | {table.name: table for table in COMMAND_TABLES}
