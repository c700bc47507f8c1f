"""The objections that hold on the day of a run, for every asset that publishes rows.

Belongs here: which tables they are read from.
Does not belong here: what follows from them (`pipelines.core.objections`).
"""

from datetime import date

from assets.resources.table_reader import TableReader
from pipelines.contracts.catalog import PREFERENCE, REPLY, SKILL_TEXT
from pipelines.core.consents import find_opted_out_people
from pipelines.core.objections import Objections
from pipelines.core.replies import find_hidden_skills, resolve_reply_skills

# What `read_objections` reads: replies, preferences, and the micro-skills that the texts of replies name.
OBJECTION_TABLES = (REPLY, PREFERENCE, SKILL_TEXT)


def read_objections(table_reader: TableReader, as_of: date) -> Objections:
    """What people object to on a day (`OBJECTION_TABLES`).

    Args:
        table_reader: Reads the tables.
        as_of: The last day whose statements count.
    """
    replies = resolve_reply_skills(table_reader.read(REPLY), table_reader.read(SKILL_TEXT))
    return Objections(find_hidden_skills(replies, as_of), find_opted_out_people(table_reader.read(PREFERENCE), as_of))
