"""The objections that hold on the day of a run, for every asset that publishes rows.

Belongs here: which tables they are read from.
Does not belong here: what follows from them (`pipelines.core.objections`).
"""

from datetime import date

from assets.resources.table_reader import TableReader
from pipelines.contracts.catalog import PREFERENCE, REPLY, SKILL_TEXT
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.consents import find_opted_out_people
from pipelines.core.objections import Objections
from pipelines.core.pauses import find_pause_in_effect
from pipelines.core.replies import find_hidden_skills, resolve_reply_skills

# What `read_objections` reads: replies, preferences, the micro-skills that the texts of replies name, and pauses.
OBJECTION_TABLES = (REPLY, PREFERENCE, SKILL_TEXT, PAUSE)


def read_objections(table_reader: TableReader, as_of: date) -> Objections:
    """What people object to on a day (`OBJECTION_TABLES`).

    Args:
        table_reader: Reads the tables.
        as_of: The last day whose statements count.
    """
    replies = resolve_reply_skills(table_reader.read(REPLY), table_reader.read(SKILL_TEXT))
    return Objections(
        find_hidden_skills(replies, as_of),
        find_opted_out_people(table_reader.read(PREFERENCE), as_of),
        is_paused(table_reader),
    )


def is_paused(table_reader: TableReader) -> bool:
    """Whether the company has paused recommendations, whatever the day of the data."""
    return find_pause_in_effect(table_reader.read(PAUSE)) is not None
