"""What an adapter is made of: field maps, shape maps, options of one source, and the refusal of a file.

Belongs here: the declarations that a system's file is written in, and the error that says why a file was not read.
Does not belong here: reading (`adapter`), the systems themselves (one file each), the canonical shapes (`contracts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName

Domain = Literal["hr", "projects", "learning", "feedback", "skills", "taxonomy"]
Format = Literal["csv", "json", "parquet", "xlsx"]
DateOrder = Literal["day_first", "month_first"]
TimeUnit = Literal["milliseconds", "seconds", "minutes", "hours"]
Condition = tuple[str, tuple[str, ...]]  # a header, and the words it may hold
TransformKind = Literal[
    "text", "digest", "lower_email", "date", "moment", "number", "hours", "score", "word", "boolean"
]
# Headers that no file has: its name; and, where items are laid out, an item's header, its cell, the points to be had.
FILE_NAME, ITEM, VALUE, POINTS = "@file", "@item", "@value", "@points"


class ExportRefused(Exception):
    """A file that cannot be read; its text is one sentence that says what to do and holds nothing personal."""


@dataclass(frozen=True)
class Transform:
    """How text becomes a typed value; parameters that a kind does not use are ignored.

    `text` strips; `digest` is a hash, for ids made of what may be personal; `pattern`, for any kind, keeps its first
    group (the code of `Label(code)`). `word` maps raw text to a canonical word through `values`, case ignored. `hours`
    reads a number in `unit`, h:mm:ss, or an ISO 8601 duration. `score` maps `scale` onto 0..1, and reads `17/20` as a
    share whatever the scale; with `clip`, what lies beyond counts as the nearer end.
    `date` and `moment` read ISO, epochs, `formats`, and day-first or month-first dates.
    """

    kind: TransformKind
    values: Mapping[str, str] = field(default_factory=dict)
    scale: tuple[float, float] | None = None
    unit: TimeUnit = "hours"
    formats: tuple[str, ...] = ()
    date_order: DateOrder | None = None
    decimal_comma: bool = False
    clip: bool = False
    pattern: str | None = None
    otherwise: str | None = None


@dataclass(frozen=True)
class FieldMap:
    """One destination column: the headers that may hold it in order of preference, and how their text becomes a value.

    The first header with a value in the row is taken; with `join`, all values are joined by it. A `needed` column that
    is missing from the file refuses the file. `constant` fills the column where there is no value. `when` fills it only
    in rows whose header holds one of the words, `unless` in all others. Several field maps of one destination are
    variants: the first whose headers the file has is taken.

    `fallback` is a further header, taken where no source has a value and its condition holds.

    `part` reads only the first group of each cell; a cell it does not match counts as empty, and what lies outside the
    group (a comment beside an id) is never landed. `split` is what separates several values in a cell; | takes its
    place. `by_header` takes the name of the first header that has a value, not the value: of `completed_on` and
    `started_on`, which is filled tells what happened.
    """

    destination: str
    sources: tuple[str, ...] = ()
    transform: Transform | None = None
    required: bool = False
    join: str | None = None
    constant: str | None = None
    when: Condition | None = None
    unless: Condition | None = None
    fallback: tuple[str, Condition] | None = None
    part: str | None = None
    split: str | None = None
    value_is_header: bool = False


@dataclass(frozen=True)
class Items:
    """A wide table with one column per item: every such cell becomes a row, with its header, value and points.

    Items are the columns whose header matches `header`, or, without it, all but `besides` and what is denied. Cells
    that are empty or hold one of `blanks` give no row. `points_row` is the row that says what each item can give.
    """

    header: str | None = None
    besides: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ("-",)
    points_row: Condition | None = None


@dataclass(frozen=True)
class ShapeMap:
    """How a system fills one canonical shape.

    `where` keeps only the rows whose header holds one of the words (or, with `unless`, drops them), case ignored; the
    word "" stands for an empty cell. Of several maps of one shape the first is taken whose `form`, headers or members
    that mark one form of export, the file has. `each` is a repeated header, or a list inside a JSON record: every value
    becomes a row of its own. `items` lays out a wide table.
    """

    shape: CanonicalSchemaName
    fields: tuple[FieldMap, ...]
    where: Condition | None = None
    unless: Condition | None = None
    form: tuple[str, ...] = ()
    each: str | None = None
    items: Items | None = None

    def __post_init__(self) -> None:
        """Refuse a declaration that speaks of columns the shape does not have."""
        names = {one.destination for one in self.fields}
        if unknown := names - set(CANONICAL_SCHEMAS[self.shape].columns):
            raise ValueError(f"the shape {self.shape} has no column {sorted(unknown)}")


@dataclass(frozen=True)
class Adapter:
    """A system: its title, what its exports look like, and how they map onto canonical shapes.

    `records_path` is where the records lie in a JSON document (`Report_Entry`). `skip_after_header` drops further
    header rows, unless one of the words of `skip_unless` shows that the row below the header is data. `manifest` is a
    file beside the exports that says which of them are bulk, delta or absent. `signature` are headers that, together,
    only this system's exports have.
    """

    system: str
    title: str
    domain: Domain
    formats: tuple[Format, ...]
    shapes: tuple[ShapeMap, ...] = ()
    skip_after_header: int = 0
    skip_unless: Condition | None = None
    records_path: tuple[str, ...] = ()
    record_terminator: str | None = None
    manifest: str | None = None
    signature: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True)
class Override:
    """What a configuration says of one destination column; what is None stays as the adapter declares it."""

    columns: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    date_order: DateOrder | None = None
    format: str | None = None
    unit: TimeUnit | None = None
    values: Mapping[str, str] | None = None
    constant: str | None = None


@dataclass(frozen=True)
class SourceOptions:
    """What a configuration says of one source.

    `mapping` gives, per destination, a header, a list of headers (joined by |), or a mapping with the keys `column`,
    `scale`, `date_order`, `format`, `unit`, `values`, `constant`. `shape` is needed by `tabular` only. `time_zone` is
    that of moments written without one. `member` is the pattern of the one file that counts of an archive.
    """

    mapping: Mapping[str, Any] = field(default_factory=dict)
    shape: CanonicalSchemaName | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal_comma: bool = False
    date_order: DateOrder | None = None
    time_zone: str = "UTC"
    member: str | None = None

    def overrides(self) -> dict[str, Override]:
        """The mapping, one override per destination. Raises ExportRefused for a key it does not know."""
        return {destination: _override(destination, given) for destination, given in self.mapping.items()}

    def sources(self) -> tuple[str, ...]:
        """The headers that the mapping names."""
        return tuple(column for override in self.overrides().values() for column in override.columns)


def _override(destination: str, given: Any) -> Override:
    if isinstance(given, Override):
        return given
    if isinstance(given, str):
        return Override(columns=(given,))
    if isinstance(given, list | tuple):
        return Override(columns=tuple(str(one) for one in given))
    known = ("column", "scale", "date_order", "format", "unit", "values", "constant")
    if not isinstance(given, Mapping) or not set(given) <= set(known):
        raise ExportRefused(
            f"the mapping of {destination} must be a column name or have only the keys {', '.join(known)}"
        )
    column = given.get("column", ())
    scale = given.get("scale")
    if scale is not None and (len(scale) != 2 or float(scale[0]) >= float(scale[1])):
        raise ExportRefused(f"the scale of {destination} must be two numbers, the lower one first: [1, 5]")
    return Override(
        columns=(column,) if isinstance(column, str) else tuple(column),
        scale=None if scale is None else (float(scale[0]), float(scale[1])),
        date_order=given.get("date_order"),
        format=given.get("format"),
        unit=given.get("unit"),
        values=None if given.get("values") is None else {str(k): str(v) for k, v in given["values"].items()},
        constant=None if given.get("constant") is None else str(given["constant"]),
    )
