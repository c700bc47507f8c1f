"""What an adapter is made of: field maps, shape maps, and the options of one source.

Belongs here: the classes in which a system's columns are declared.
Does not belong here: reading (`adapter`), the systems themselves (one file each), the canonical shapes (`contracts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.sources.readers.text_table import Condition

Domain = Literal["hr", "projects", "learning", "feedback", "skills"]
Format = Literal["csv", "json", "parquet"]
DateOrder = Literal["day_first", "month_first"]
TimeUnit = Literal["milliseconds", "seconds", "minutes", "hours"]
TransformKind = Literal[
    "text", "digest", "email", "date", "datetime", "number", "integer", "hours", "score", "category", "boolean"
]
# Headers that no file has. They stand for the file's name and, in an unpivoted table, for the header of the cell's
# column, the cell, and the maximum points of that column.
FILE_NAME, COLUMN_NAME, CELL_VALUE, MAX_POINTS = "@file", "@item", "@value", "@points"


@dataclass(frozen=True)
class Transform:
    """How text becomes a typed value.

    Attributes:
        kind: `text` strips blanks. `digest` is a hash, for ids made of text that may be personal. `date` and
            `datetime` read every form of a date and of a clock. `hours` reads a number in `unit`, a clock, 1h 30m and
            ISO 8601 durations. `score` maps `scale` onto 0..1, and reads percent and `17/20` as a share whatever the
            scale. `category` maps text to a canonical word through `values`, ignoring case.
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
        otherwise: Word for text that `values` does not list; None leaves such text unread.
        source: Specification that says what the words of `values` mean.
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
    otherwise: str | None = None
    source: str = ""


@dataclass(frozen=True)
class FieldMap:
    """How one destination column is filled.

    Several field maps of one destination are variants: the first whose headers the file has is used.

    Attributes:
        destination: Column of the canonical shape.
        headers: Headers that may hold the value, in order of preference; the first that has a value in the row counts.
        transform: How the text becomes a value; None for the transform that the destination's type asks for.
        required: Whether a file without any of the headers is refused.
        join: Separator. If given, the values of all headers are joined instead of taking the first.
        constant: Value for rows in which no header has one.
        when: The column is filled only in rows that meet this condition.
        unless: The column is filled only in rows that do not meet this condition.
        fallback: A further header, used if no other has a value and the condition holds.
        extract: Regular expression; only the first group of each cell is read. A cell that it does not match counts as
            empty, and text outside the group (a comment next to an id) never reaches a table.
        split: Regular expression of what separates several values in a cell; it is replaced by |.
        value_is_header: Whether the value is the name of the first header that is filled, not its cell: with
            `completed_on` and `started_on`, the filled one tells what happened.
    """

    destination: str
    headers: tuple[str, ...] = ()
    transform: Transform | None = None
    required: bool = False
    join: str | None = None
    constant: str | None = None
    when: Condition | None = None
    unless: Condition | None = None
    fallback: tuple[str, Condition] | None = None
    extract: str | None = None
    split: str | None = None
    value_is_header: bool = False

    @property
    def is_mapped(self) -> bool:
        """Whether the map can give a value at all: from a header or from the constant."""
        return bool(self.headers) or self.constant is not None


@dataclass(frozen=True)
class Unpivot:
    """A wide table whose columns become rows: one row per filled cell, with its header, value and maximum points.

    Attributes:
        header_pattern: Regular expression of the headers to unpivot; None for all but `exclude` and sensitive ones.
        exclude: Headers that are not unpivoted.
        empty_values: Values, ignoring case, that count as an empty cell.
        points_row: Condition of the row that holds the maximum points of each column.
    """

    header_pattern: str | None = None
    exclude: tuple[str, ...] = ()
    empty_values: tuple[str, ...] = ("-",)
    points_row: Condition | None = None


@dataclass(frozen=True)
class ShapeMap:
    """How a system fills one canonical shape.

    Attributes:
        shape: The canonical shape.
        fields: One map per destination column, or several as variants.
        where: Only rows that meet this condition are read; the word "" stands for an empty cell.
        unless: Rows that meet this condition are not read.
        signature: Headers that only this form of the export has. Of several maps of one shape, the first whose
            signature the file has is used.
        explode: A repeated header, or a list inside a JSON record, each of whose values becomes a row.
        unpivot: How a wide table becomes rows.
    """

    shape: CanonicalSchemaName
    fields: tuple[FieldMap, ...]
    where: Condition | None = None
    unless: Condition | None = None
    signature: tuple[str, ...] = ()
    explode: str | None = None
    unpivot: Unpivot | None = None

    def __post_init__(self) -> None:
        """Refuse a declaration that names columns which the shape does not have."""
        if unknown := {field_map.destination for field_map in self.fields} - set(CANONICAL_SCHEMAS[self.shape].columns):
            raise ValueError(f"the shape {self.shape} has no column {sorted(unknown)}")


@dataclass(frozen=True)
class Adapter:
    """A system: what its exports look like, and how they map onto canonical shapes.

    Attributes:
        system: Name of the system in footsteps.yaml.
        title: Name for people.
        domain: Kind of system.
        formats: Formats that the system exports.
        shapes: The canonical shapes that its exports fill.
        skip_after_header: Number of further header rows below the first.
        skip_unless: If the row below the header meets this condition, it is data and no row is skipped.
        records_path: Dotted paths in a JSON document, one of which holds the records (`Report_Entry`, `data.items`).
        record_terminator: Text that ends each record, if it is not a line end.
        manifest: Name of the file that tells which exports are bulk, delta or absent.
        signature: Headers that, together, only this system's exports have.
        notes: What a user must know.
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
    """How the configuration fills one destination column; a part that is None stays as the adapter declares it."""

    headers: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    date_order: DateOrder | None = None
    format: str | None = None
    unit: TimeUnit | None = None
    values: Mapping[str, str] | None = None
    constant: str | None = None


@dataclass(frozen=True)
class SourceOptions:
    """How the configuration declares that the files of one source are read.

    Attributes:
        mapping: Per destination column a header, a list of headers (joined by |), or a mapping with the keys
            `column`, `scale`, `date_order`, `format`, `unit`, `values` and `constant`.
        shape: Canonical shape of the source; for the system `tabular` only.
        encoding: Encoding of the files; None to detect it.
        delimiter: Delimiter of the files; None to detect it.
        decimal_comma: Whether a comma is the decimal sign; None if the file has to prove it.
        date_order: Order of day and month in dates that can be read both ways.
        time_zone: Zone of datetimes that are written without one.
        member: Pattern of the file to take from an archive.
    """

    mapping: Mapping[str, Any] = field(default_factory=dict)
    shape: CanonicalSchemaName | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal_comma: bool | None = None
    date_order: DateOrder | None = None
    time_zone: str = "UTC"
    member: str | None = None

    def overrides(self) -> dict[str, Override]:
        """Return the mapping as one override per destination column."""
        return {destination: _override(given) for destination, given in self.mapping.items()}


def _override(given: Any) -> Override:
    keys: dict[str, Any] = {"column": given} if isinstance(given, str | list | tuple) else dict(given)
    headers = keys.pop("column", ())
    return Override((headers,) if isinstance(headers, str) else tuple(headers), **keys)
