"""What a sensor stores between ticks, as the text that Dagster keeps for it.

Belongs here: reading that text, also one that another version wrote.
Does not belong here: what each sensor stores (`sensors`, `remote_files`, `alerts`).
"""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def parse_cursor(cursor_adapter: TypeAdapter[T], cursor_json: str | None, empty_cursor: T) -> T:
    """The stored cursor.

    Args:
        cursor_adapter: The type of the cursor.
        cursor_json: The text that Dagster keeps; None before the first tick.
        empty_cursor: What is returned if there is no text, or if it has another form.
    """
    try:
        return cursor_adapter.validate_json(cursor_json) if cursor_json else empty_cursor
    except ValidationError:
        return empty_cursor
