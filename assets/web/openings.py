"""Openings that a person may answer about, on the page and by the interface.

Belongs here: which ids these are, and the names of those answered before.
Does not belong here: the texts of openings (`pipelines.publish.site.opening_texts`), writing answers (`answers`).
"""

from collections.abc import Callable

import polars as pl

from assets.web.directory import read_during_runs
from assets.web.service import Visit
from pipelines.contracts.catalog import SQUAD_REPLY
from pipelines.contracts.output_tables import SQUAD_OPENING
from pipelines.publish.site.opening_texts import name_opening
from pipelines.publish.site.page_data import Row


def make_opening_check(visit: Visit) -> Callable[[str], bool]:
    """A function that tells whether an id is that of a published opening, or of one that the caller answered before.

    Args:
        visit: The request.
    """

    def is_opening(opening_id: str) -> bool:
        snapshot = visit.served.snapshot
        is_published = snapshot.has_table(SQUAD_OPENING.name) and bool(
            snapshot.scan(SQUAD_OPENING.name).filter(opening_id=opening_id).select(pl.len()).collect().item()
        )
        return is_published or opening_id in {answer["opening_id"] for answer in read_squad_answers(visit)}

    return is_opening


def read_squad_answers(visit: Visit) -> list[Row]:
    """The caller's answers about openings as the last run read them, oldest first.

    Args:
        visit: The request.
    """
    person_id, lake = visit.person_id, visit.service.reader.lake
    return read_during_runs(
        lambda: (
            lake.scan(SQUAD_REPLY)
            .filter(person_id=person_id)
            .select("opening_id", "squad_reply_kind", "replied_at")
            .sort("replied_at")
            .collect()
            .to_dicts()
        )
    )


def list_answered_openings(visit: Visit, answers: list[Row]) -> list[tuple[str, str]]:
    """Id and name of each opening that the caller answered about, in the language of the page.

    Args:
        visit: The request.
        answers: The answers, oldest first.
    """
    page_data = visit.served.page_data
    return [
        (opening_id, name_opening(opening_id, page_data, page_data.language))
        for opening_id in dict.fromkeys(answer["opening_id"] for answer in answers)
    ]
