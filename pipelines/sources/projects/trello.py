"""Trello: the cards of a board as JSON.

Belongs here: the members of a card and how they map. A card belongs to its members, and is done when its due date is
marked complete; Trello keeps no day of that, so the day of the card's last activity stands for it. Labels name skills.
Does not belong here: checklists and comments.

Source: developer.atlassian.com, Trello REST API, Cards; support.atlassian.com, "Export data from Trello"; airbyte
source-trello, schemas/cards.json.
"""

from pipelines.sources.declaration import Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import change_notice

MEMBER_ID = "idMembers[*]"

ADAPTER = Adapter(
    system="trello",
    title="Trello board (JSON)",
    domain="projects",
    formats=("json",),
    records_path=("cards",),
    signature=("idMembers", "idBoard", "idList", "dueComplete"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("id", MEMBER_ID), join="/", required=True),
                FieldMap("account_code", (MEMBER_ID,)),
                FieldMap("project_code", ("idBoard",)),
                FieldMap("assignment_code", ("id",)),
                FieldMap("skill_text", ("labels[*].name",)),
                FieldMap("is_done", ("dueComplete",)),
                FieldMap("started_date", ("start",)),
                FieldMap("done_at", ("dateLastActivity",), when=Condition(("dueComplete",), ("true",))),
                FieldMap("changed_at", ("dateLastActivity",)),
            ),
            signature=("idMembers", "idBoard"),
            explode="idMembers",
            counts_empty=True,
            pass_over=(PassOver("card isTemplate", ("isTemplate",), words=("true",)),),
        ),
    ),
    refused_forms=(change_notice("Trello", "the board", "action.type", "model.id"),),
    notes="A board names its members by id: an account map connects ids to people.",
)
