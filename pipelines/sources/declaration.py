"""What an adapter is made of: field maps, shape maps, and the options of one source.

Belongs here: the classes in which a system's columns are declared.
Does not belong here: reading (`adapter`), the systems themselves (one file each), the canonical shapes (`contracts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName

# An adapter declares its fields with names of this module alone.
from pipelines.sources.casts.transform import DateOrder as DateOrder
from pipelines.sources.casts.transform import TimeUnit as TimeUnit
from pipelines.sources.casts.transform import Transform as Transform
from pipelines.sources.casts.transform import TransformKind as TransformKind
from pipelines.sources.readers.text_table import RowMark

Domain = Literal["hr", "projects", "learning", "feedback", "skills"]
Format = Literal["csv", "json", "parquet"]
# JSON, or a table: CSV, a workbook, Parquet.
Form = Literal["json", "table"]
# Headers that no file has. They stand for the file's name and, in an unpivoted table, for the header of the cell's
# column, the cell, and the maximum points of that column.
FILE_NAME, COLUMN_NAME, CELL_VALUE, MAX_POINTS = "@file", "@item", "@value", "@points"
# Words of a condition: any text at all, and every word that the transform of the column maps, in footsteps.yaml too.
ANY_TEXT, KNOWN_WORDS = "@any", "@known"
# The attributes of a field map that hold headers.
HEADER_ATTRIBUTES = ("headers", "lowest_headers", "highest_headers", "start_headers", "end_headers")


@dataclass(frozen=True)
class Condition:
    """Whether a row holds one of some words.

    Attributes:
        column: A destination of the shape map: every header of its field maps counts, and those of footsteps.yaml. If
            the shape map fills no column from it, the headers that may hold the word, in order of preference.
        words: The words, ignoring case, and of an IRI http or https and a slash at the end; "" stands for an empty
            cell, ANY_TEXT for a filled one, KNOWN_WORDS for every word that the destination's transform maps; in a
            condition of a field map, for every word that this field map's own transform maps.
    """

    column: str | tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class PassOver:
    """Rows that a shape map does not read; they are counted by the word for which they are passed over.

    The column must hold words of a list, such as verbs or types, and nothing personal: a reason quotes the word of the
    file if `other_than` is given. With `words`, it quotes the declared word.

    Attributes:
        what: What the word is, for the reason: with "verb" it is `verb launched`.
        column: As in `Condition`.
        words: Rows that hold one of these words are passed over.
        other_than: If given, rows that hold none of these words are passed over; both take the words of `Condition`.
    """

    what: str
    column: str | tuple[str, ...]
    words: tuple[str, ...] = ()
    other_than: tuple[str, ...] = ()


@dataclass(frozen=True)
class FieldMap:
    """How one destination column is filled.

    Several field maps of one destination are variants. In each row, the first counts whose condition holds and of which
    a header is filled, even if its text cannot be read: a later variant stands in only for what is empty in the file.

    Attributes:
        destination: Column of the canonical shape.
        headers: Headers that may hold the value, in order of preference; the first that has a value in the row counts.
        transform: How the text becomes a value; None for the transform that the destination's type asks for.
        required: Whether a file without any of the headers is refused.
        join: Separator. If given, the values of all headers are joined instead of taking the first.
        constant: Value for rows in which no header has one.
        when: The column is filled only in rows that meet this condition.
        unless: The column is filled only in rows that do not meet this condition.
        extract: Regular expression; only the first group of each cell is read. Text outside the group (a comment next
            to an id) never reaches a table. If patterns sort the texts of a header into several fields, the first
            header counts whose cell matches; else the first that is filled.
        split: Regular expression of what separates several values in a cell; it is replaced by |.
        value_is_header: Whether the value is the name of the first header that is filled, not its cell: with
            `completed_on` and `started_on`, the filled one tells what happened.
        form: Form of the export in which the headers have this meaning; None for every form. A member of JSON can have
            the letters of a CSV header and another unit.
        lowest_headers: Headers of the row's own lowest score; without one it is 0.
        highest_headers: Headers of the row's own highest score. In a row without one a later variant counts; without a
            later variant the score stays unread.
        start_headers: Headers of the moment at which the hours began, joined by a blank: a date and a clock.
        end_headers: Headers of the moment at which they ended. Together they give the hours of a row whose field is
            empty, and prove the unit of a row whose field is filled.
    """

    destination: str
    headers: tuple[str, ...] = ()
    transform: Transform | None = None
    required: bool = False
    join: str | None = None
    constant: str | None = None
    when: Condition | None = None
    unless: Condition | None = None
    extract: str | None = None
    split: str | None = None
    value_is_header: bool = False
    form: Form | None = None
    lowest_headers: tuple[str, ...] = ()
    highest_headers: tuple[str, ...] = ()
    start_headers: tuple[str, ...] = ()
    end_headers: tuple[str, ...] = ()

    @property
    def is_mapped(self) -> bool:
        """Whether the map can give a value at all: from a header, from the constant, or from two moments."""
        return bool(self.headers) or self.constant is not None or self.has_moments

    @property
    def has_moments(self) -> bool:
        """Whether two moments tell the hours."""
        return bool(self.start_headers and self.end_headers)

    @property
    def is_conditional(self) -> bool:
        """Whether the map is read only in rows for which a condition holds."""
        return self.when is not None or self.unless is not None

    @property
    def all_headers(self) -> tuple[str, ...]:
        """Every header that the map reads for its value."""
        return tuple(header for attribute in HEADER_ATTRIBUTES for header in getattr(self, attribute))


@dataclass(frozen=True)
class Unpivot:
    """A wide table whose columns become rows: one row per filled cell, with its header, value and maximum points.

    Attributes:
        header_pattern: Regular expression of the headers to unpivot; None for all but the excluded
            and sensitive ones.
        excluded_headers: Headers that are not unpivoted.
        empty_values: Values, ignoring case, that count as an empty cell.
        points_row: Condition of the row that holds the maximum points of each column.
    """

    header_pattern: str | None = None
    excluded_headers: tuple[str, ...] = ()
    empty_values: tuple[str, ...] = ("-",)
    points_row: Condition | None = None


@dataclass(frozen=True)
class ShapeMap:
    """How a system fills one canonical shape.

    Attributes:
        shape: The canonical shape.
        fields: One map per destination column, or several as variants.
        pass_over: Which rows are not read. The first that holds gives the reason.
        signature: Headers that only this form of the export has. Of several maps of one shape, the first whose
            signature the file has is used.
        explode: A repeated header, or a list inside a JSON record, each of whose values becomes a row.
        explode_separator: Regular expression between the values of one cell of the repeated header.
        counts_empty: Whether a record without any such value, or a row without any unpivoted cell, is counted as passed
            over: true if no other shape map reads the record.
        unpivot: How a wide table becomes rows.
    """

    shape: CanonicalSchemaName
    fields: tuple[FieldMap, ...]
    pass_over: tuple[PassOver, ...] = ()
    signature: tuple[str, ...] = ()
    explode: str | None = None
    explode_separator: str | None = None
    counts_empty: bool = False
    unpivot: Unpivot | None = None

    def __post_init__(self) -> None:
        """Refuse a declaration that names columns which the shape does not have."""
        if unknown_columns := {field_map.destination for field_map in self.fields} - set(
            CANONICAL_SCHEMAS[self.shape].columns
        ):
            raise ValueError(f"the shape {self.shape} has no column {sorted(unknown_columns)}")


@dataclass(frozen=True)
class FileForm:
    """A form of a system's files that is not read, or not wholly: an older version, a notice of a change.

    Attributes:
        description: What such a file is and what to export instead: the rest of a sentence whose subject is the file.
            `{headers}` stands for the headers that match the pattern.
        headers: Headers that, together, only this form has.
        header_pattern: Regular expression of which at least one header of this form is a match.
    """

    description: str
    headers: tuple[str, ...] = ()
    header_pattern: str | None = None


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
        data_row_mark: If the row below the header has this mark, it is data and no row is skipped.
        records_path: Dotted paths in a JSON document, one of which holds the records (`Report_Entry`, `data.items`).
            `[*]` stands for each element of a list, `*` for any key: `result[*].*` if each record lies under its id.
        record_terminator: Text that ends each record, if it is not a line end.
        manifest: Name of the file that tells which exports are bulk, delta or absent.
        signature: Headers that, together, only this system's exports have.
        refused_forms: Forms of which nothing is read: a file of one that no shape map marks as its own is refused.
        noted_forms: Forms that are read in part; a file of one is noted.
        notes: What a user must know.
    """

    system: str
    title: str
    domain: Domain
    formats: tuple[Format, ...]
    shapes: tuple[ShapeMap, ...] = ()
    skip_after_header: int = 0
    data_row_mark: RowMark | None = None
    records_path: tuple[str, ...] = ()
    record_terminator: str | None = None
    manifest: str | None = None
    signature: tuple[str, ...] = ()
    refused_forms: tuple[FileForm, ...] = ()
    noted_forms: tuple[FileForm, ...] = ()
    notes: str = ""


@dataclass(frozen=True)
class Override:
    """How the configuration fills one destination column; what is None or empty stays as the adapter declares it."""

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
        return {
            destination: _parse_override(declared_override) for destination, declared_override in self.mapping.items()
        }


def _parse_override(declared_override: Any) -> Override:
    """Return the override that an entry of `mapping` declares: a header, a list of headers, or the parts by name."""
    override_parts: dict[str, Any] = (
        {"column": declared_override} if isinstance(declared_override, str | list | tuple) else dict(declared_override)
    )
    headers = override_parts.pop("column", ())
    return Override((headers,) if isinstance(headers, str) else tuple(headers), **override_parts)
