"""Skill events in the format of TechWolf: one event per person with its type, time, source and content.

Belongs here: the types of events, the mode of evidence of each, and how they map. A goal is an aspiration.
Does not belong here: résumés and notes, whose free text is not read.
"""

from pipelines.sources.declaration import KNOWN_WORDS, Adapter, FieldMap, PassOver, ShapeMap
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform

EVENT_MODES = Vocabulary(
    "TechWolf skill events API: event_type",
    {
        "working_history": "repetition",
        "project": "repetition",
        "ticket": "repetition",
        "learning": "observation",
        "education_history": "observation",
        "certificate": "feedback",
        "feedback": "feedback",
        "skill_profile_feedback": "feedback",
    },
)
COMMON_FIELDS = (
    FieldMap("record_code", ("external_id",), required=True),
    FieldMap("account_code", ("employee_external_id", "employee.external_id", "employee_id")),
    FieldMap("work_email", ("employee.email", "employee_email")),
    FieldMap(
        "skill_text",
        ("content.skills[*].name", "content.skills[*]", "content.skill.name", "content.title", "content.name"),
    ),
    FieldMap("changed_at", ("updated_at",)),
)

ADAPTER = Adapter(
    system="techwolf",
    title="Skill events (TechWolf format, JSON)",
    domain="skills",
    formats=("json",),
    records_path=("skill_events", "events", "data"),
    signature=("external_id", "event_type", "timestamp", "source", "content"),
    shapes=(
        ShapeMap(
            "skill_mention",
            (
                *COMMON_FIELDS,
                FieldMap("mode", ("event_type",), as_transform(EVENT_MODES), required=True),
                FieldMap("occurred_at", ("timestamp",), required=True),
            ),
            pass_over=(PassOver("event", "mode", other_than=(KNOWN_WORDS,)),),
        ),
        ShapeMap(
            "aspiration",
            (*COMMON_FIELDS, FieldMap("stated_at", ("timestamp",), required=True)),
            pass_over=(PassOver("event", ("event_type",), other_than=("goal",)),),
        ),
    ),
)
