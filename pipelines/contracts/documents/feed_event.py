"""One event of the change feed, as CloudEvents 1.0: it names the person whose list changed and not the list.

Belongs here: the form of an event, as a dataclass and as JSON Schema.
Does not belong here: which events there are, and their files (`pipelines.publish.feed`).
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

SPEC_VERSION = "1.0"
EVENT_TYPE = "footsteps.recommendations.changed.v1"
FeedChange = Literal["came", "changed", "left"]


@dataclass(frozen=True)
class FeedEvent:
    """One person whose recommendations changed between two snapshots; `sequence` orders all events."""

    sequence: int
    person_id: str
    change: FeedChange
    snapshot_id: str
    previous_snapshot_id: str | None
    source: str
    time: str

    def to_cloud_event(self) -> dict[str, Any]:
        """The event in the JSON format of CloudEvents; its id stays the same if the event is sent again."""
        return {
            "specversion": SPEC_VERSION,
            "id": f"{self.snapshot_id}/{self.person_id}",
            "source": self.source,
            "type": EVENT_TYPE,
            "subject": self.person_id,
            "time": self.time,
            "datacontenttype": "application/json",
            "sequence": f"{self.sequence:020d}",
            "data": {
                "person_id": self.person_id,
                "change": self.change,
                "snapshot_id": self.snapshot_id,
                "previous_snapshot_id": self.previous_snapshot_id,
            },
        }


def build_feed_event_schema() -> dict[str, Any]:
    """The JSON Schema of one event."""
    text_schema = {"type": "string", "minLength": 1}
    data_schema = {
        "type": "object",
        "required": ["person_id", "change", "snapshot_id", "previous_snapshot_id"],
        "properties": {
            "person_id": text_schema,
            "change": {"enum": list(get_args(FeedChange))},
            "snapshot_id": text_schema,
            "previous_snapshot_id": {"type": ["string", "null"], "description": "null for the first snapshot"},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:footsteps:{EVENT_TYPE}",
        "title": "A person's recommendations changed",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "data"],
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "id": {
                **text_schema,
                "description": "the same if the event is sent again: a receiver can detect duplicates",
            },
            "source": {"type": "string", "format": "uri-reference"},
            "type": {"const": EVENT_TYPE},
            "subject": {**text_schema, "description": "person_id"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "sequence": {
                "type": "string",
                "pattern": "^[0-9]{20}$",
                "description": "orders the events; use it as cursor",
            },
            "data": data_schema,
        },
    }
