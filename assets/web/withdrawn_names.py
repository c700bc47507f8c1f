"""Names of other people in served rows, without those of people who withdrew their consent since the run.

Belongs here: which names of companions and squads may still be served.
Does not belong here: who withdrew what (`given_answers`), other objections (`pipelines.core.objections`).
"""

import polars as pl

from assets.web.given_answers import GivenAnswers
from ml.recommend.squad_openings import add_consent
from pipelines.contracts.output_tables import SQUAD_MATCH
from pipelines.contracts.table import Table

# Columns of a squad's match that name somebody else, by the relation that the person consented to.
_RELATION_BY_COLUMN = {"follow_id": "follow", "lead_id": "lead"}


def clear_squad_names(table: Table, rows: pl.DataFrame, given_answers: GivenAnswers, *, is_stale: bool) -> pl.DataFrame:
    """The rows of matches without names that may no longer be shown; rows of other tables as they are.

    Args:
        table: Contract of the table.
        rows: Its rows.
        given_answers: The answers since the snapshot.
        is_stale: Whether the snapshot is past its last valid day: consents may have ended, and nobody is named.
    """
    if table != SQUAD_MATCH:
        return rows
    withdrawing_people = sorted(given_answers.withdrawing_people)
    for column, relation in _RELATION_BY_COLUMN.items():
        named_people = rows.select("skill_id", person_id=column)
        is_consented = add_consent(named_people, given_answers.consents, relation)["is_given"]
        is_shown = ~named_people["person_id"].is_in(withdrawing_people).fill_null(False) | is_consented
        rows = rows.with_columns(pl.when(is_shown & (not is_stale)).then(column).alias(column))
    return rows
