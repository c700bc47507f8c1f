"""What a field declares about its text: the kind of value, its unit, scale, words and formats.

Belongs here: the class that a field map and the parsers share.
Does not belong here: the parsers (one module each), which field has which transform (the adapters, `value_maps`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DateOrder = Literal["day_first", "month_first"]
TimeUnit = Literal["milliseconds", "seconds", "minutes", "hours"]
TransformKind = Literal[
    "text", "code", "digest", "email", "date", "datetime", "number", "integer", "hours", "score", "category", "boolean"
]
NUMERIC_KINDS: tuple[TransformKind, ...] = ("number", "integer", "hours", "score")


@dataclass(frozen=True)
class Transform:
    """How text becomes a typed value.

    Attributes:
        kind: `text` strips blanks. `code` also takes back what a spreadsheet makes of an id. `digest` is a hash, for
            ids made of text that may be personal. `date` and `datetime` read every form of a date and of a clock.
            `hours` reads a number in `unit`, a clock, 1h 30m and ISO 8601 durations. `score` maps `scale` onto 0..1,
            and reads percent and `17/20` as a share whatever the scale. `category` maps text to a canonical word
            through `values`, ignoring case.
        values: Text to canonical word, for `category` and `boolean`.
        scale: Lowest and highest score; a score beyond them counts as the nearer one. None for a share.
        is_share: Whether the system itself defines its scores as shares of 0..1: one beyond -1..1 stays unread. A score
            without this and without a scale is a share only if its column does not go beyond 1.
        unit: Unit of a duration that is a bare number; None for hours.
        hours_per_day: Hours of a day in durations such as 1d 2h: 8 in a system that counts working days.
        formats: Formats of dates and datetimes, tried before all others.
        date_order: Order of day and month in dates such as 02/03/2025; None if the file has to prove it.
        decimal_comma: Whether a comma is the decimal sign; None if the file has to prove it.
        pattern: Regular expression; the value is read from its first group.
        source: Specification that says what the words of `values` mean. A word that `values` does not list stays
            unread: it is neither good nor bad.
        meaningless_words: Further words of the system, which have no meaning here; they are read as nothing and do not
            count as unknown.
        is_partial: Whether `values` lists only some words of the system, of which the others need no meaning.
    """

    kind: TransformKind
    values: Mapping[str, str] = field(default_factory=dict)
    scale: tuple[float, float] | None = None
    is_share: bool = False
    unit: TimeUnit | None = None
    hours_per_day: float = 24.0
    formats: tuple[str, ...] = ()
    date_order: DateOrder | None = None
    decimal_comma: bool | None = None
    pattern: str | None = None
    source: str = ""
    meaningless_words: tuple[str, ...] = ()
    is_partial: bool = False
