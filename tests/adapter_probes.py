"""Rows that probe an adapter: a row of a golden file, changed in one field, and read once with all other such rows.

Belongs here: cases, the base row of each case, changes of a cell or a member, the file of all probes and what is read.
Does not belong here: what must hold for the changed rows (the tests of `every_adapter`).
"""

import copy
import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from pipelines.sources.adapter import Export, all_adapters, get_adapter, open_export, read_export
from pipelines.sources.conventions import UnprovenForm
from pipelines.sources.declaration import Adapter, ShapeMap, SourceOptions
from pipelines.sources.field_text import headers_read_by
from pipelines.sources.readers.text_table import normalize_header
from pipelines.sources.reshape import select_shape_maps, unpivoted_headers

GOLDEN = Path(__file__).parent / "golden"
# A step of a path into a record: a key, and what picks elements of a list under it.
_STEP = re.compile(r'(?:"([^"]+)"|([^.\[":]+))(?:\[([^\]]*)\])?')


@dataclass(frozen=True)
class ProbeCase:
    """One shape map of one adapter in one form, and the golden row that the probes change.

    Attributes:
        system: The system.
        position: Position of the shape map in the adapter.
        form: `csv` or `json`.
        raw: The golden file.
        row_number: The row of it that fills most columns.
    """

    system: str
    position: int
    form: str
    raw: Path
    row_number: int

    def __str__(self) -> str:
        return f"{self.system}-{self.position}-{self.shape.shape}-{self.form}"

    @property
    def adapter(self) -> Adapter:
        """The adapter."""
        return get_adapter(self.system)

    @property
    def shape(self) -> ShapeMap:
        """The shape map as the adapter declares it."""
        return self.adapter.shapes[self.position]

    @property
    def options(self) -> SourceOptions:
        """The options of the golden file."""
        return golden_options(self.raw)


def golden_options(raw: Path) -> SourceOptions:
    """Return the options beside a golden file."""
    path = raw.with_name(f"{raw.name.split('.raw.')[0]}.options.json")
    return SourceOptions(**(json.loads(path.read_text()) if path.exists() else {}))


def golden_expected(raw: Path) -> dict[str, Any]:
    """Return the expected content of a golden file; empty if it is not written yet."""
    path = raw.with_name(f"{raw.name.split('.raw.')[0]}.expected.json")
    return json.loads(path.read_text()) if path.exists() else {"shapes": {}, "malformed": []}


@cache
def probe_cases() -> tuple[ProbeCase, ...]:
    """Return one case per shape map and form that a golden file has, with the fullest row of all these files."""
    best: dict[tuple[str, int, str], tuple[int, ProbeCase]] = {}
    for raw in sorted(GOLDEN.glob("*/*.raw.*")):
        expected, adapter = golden_expected(raw), all_adapters().get(raw.parent.name)
        if not adapter or not adapter.shapes or expected["malformed"] or golden_options(raw).mapping:
            continue
        table = open_export(raw, adapter, golden_options(raw))
        form = "json" if table.has_open_schema else "csv"
        records = read_records(raw) if form == "json" else read_rows(raw)
        if records is None or (form == "csv" and [cell.strip() for cell in records[0]] != list(table.headers)):
            continue
        for shape in select_shape_maps(adapter.shapes, table):
            for row in expected["shapes"][shape.shape]:
                filled = sum(not name.startswith("text:") for name in row)
                case = ProbeCase(adapter.system, adapter.shapes.index(shape), form, raw, row["row_number"])
                key = (case.system, case.position, form)
                if filled > best.get(key, (0, case))[0]:
                    best[key] = filled, case
    return tuple(case for _, case in best.values())


def read_rows(raw: Path) -> list[list[str]] | None:
    """Return the rows of a golden text file, the header first; None for any other file."""
    expected = golden_expected(raw)
    delimiter, encoding = expected.get("delimiter"), expected.get("encoding") or "utf-8"
    if raw.suffix not in (".csv", ".txt", ".tsv") or not delimiter or get_adapter(raw.parent.name).record_terminator:
        return None
    text = raw.read_bytes().decode("utf-8-sig" if encoding == "utf-8" else encoding)
    return [row for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter) if any(row)] or None


def read_records(raw: Path) -> list[Any] | None:
    """Return the records of a golden JSON file; None for any other file."""
    if raw.suffix not in (".json", ".jsonl"):
        return None
    text = raw.read_text(encoding="utf-8-sig")
    try:
        document = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return None
    if isinstance(document, list):
        return document
    for path in get_adapter(raw.parent.name).records_path:
        below = list(_follow(document, path.replace("[*]", ".").replace("..", ".").split(".")))
        if below:
            return [record for records in below for record in _elements_of(records)]
    return [document]


def _follow(content: Any, keys: Sequence[str]) -> Iterator[Any]:
    if not keys:
        yield content
    elif isinstance(content, list):
        for element in content:
            yield from _follow(element, keys)
    elif isinstance(content, dict):
        for below in content.values() if keys[0] == "*" else [content[keys[0]]] if keys[0] in content else []:
            yield from _follow(below, keys[1:])


@dataclass
class Probe:
    """A record or row that a test changes.

    Attributes:
        headers: The headers of a table; empty for JSON.
        content: The record, or the cells.
        avoided: Headers that are not written, as they would make another form of the file.
    """

    headers: list[str]
    content: Any
    avoided: frozenset[str] = frozenset()

    def put(self, header: str, text: str | None) -> None:
        """Write a text under a header; None empties it."""
        if header.startswith("@") or header in self.avoided:
            return
        if isinstance(self.content, dict):
            _put_member(self.content, _steps(header), text)
            return
        keys = [normalize_header(other) for other in self.headers]
        if normalize_header(header) not in keys:
            self.headers.append(header)
            keys.append(normalize_header(header))
        self.content += [""] * (len(keys) - len(self.content))
        positions = [i for i, key in enumerate(keys) if key == normalize_header(header)]
        for i in positions:
            self.content[i] = ""
        self.content[positions[0]] = text or ""

    def empty_list(self, header: str) -> None:
        """Write an empty list under a header, or nothing into a cell."""
        if isinstance(self.content, dict):
            _put_member(self.content, _steps(header), [])
        else:
            self.put(header, None)

    def text(self, header: str) -> str | None:
        """Return the first filled value under a header as text."""
        if isinstance(self.content, dict):
            texts = (text for text in _members(self.content, _steps(header)) if not isinstance(text, dict | list))
        else:
            keys = [normalize_header(other) for other in self.headers]
            texts = (cell for key, cell in zip(keys, self.content, strict=False) if key == normalize_header(header))
        return next(
            (json.dumps(text) if isinstance(text, bool) else str(text) for text in texts if text not in ("", None)),
            None,
        )

    def wrap(self, header: str, depth: int) -> bool:
        """Replace what lies under the first keys of a path by a list of it, or a list of one by its element.

        Returns:
            Whether there is such a value.
        """
        return isinstance(self.content, dict) and _wrap_member(self.content, _steps(header)[:depth])

    def takes(self, header: str) -> bool:
        """Return whether a text under a header replaces no object or list and lies in no text."""
        if not isinstance(self.content, dict):
            return True
        steps = _steps(header)
        above = [_raw_members(self.content, steps[:depth]) for depth in range(1, len(steps))]
        if any(pick and pick.isdigit() for _, pick in steps):
            return False
        is_free = all(isinstance(parent, dict | list) or parent is None for parents in above for parent in parents)
        return is_free and not any(isinstance(member, dict) for member in _members(self.content, steps))


def _steps(header: str) -> list[tuple[str, str | None]]:
    path = header.removeprefix("$.").replace("::", ".")
    return [(match[1] or match[2], match[3]) for match in _STEP.finditer(path)]


def _elements_of(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def _members(content: Any, steps: Sequence[tuple[str, str | None]]) -> Iterator[Any]:
    if not steps:
        yield from _elements_of(content)
        return
    for element in _elements_of(content):
        if isinstance(element, dict):
            key = steps[0][0]
            for below in element.values() if key == "*" else [element.get(key)]:
                yield from _members(below, steps[1:])


def _raw_members(content: Any, steps: Sequence[tuple[str, str | None]]) -> list[Any]:
    parents = list(_members(content, steps[:-1]))
    return [parent.get(steps[-1][0]) for parent in parents if isinstance(parent, dict)]


def _put_member(content: dict[str, Any], steps: Sequence[tuple[str, str | None]], new: Any) -> None:
    (key, pick), rest = steps[0], steps[1:]
    key = "en" if key == "*" else key
    if not rest:
        if new is None:
            content.pop(key, None)
        elif pick and pick.isdigit():
            content[key] = [*([None] * int(pick)), new]
        else:
            content[key] = new if pick is None else [new]
        return
    below = content.get(key)
    if isinstance(below, str) and below.startswith("{"):
        below = json.loads(below)
    if not isinstance(below, dict | list) or not below:
        if new is None:
            return
        name, _, words = (pick or "").partition("=")
        member = {name: words.split("|")[-1]} if words else {}
        below = [member] if pick is not None else member
    content[key] = below
    for element in _elements_of(below):
        if isinstance(element, dict):
            _put_member(element, rest, new)


def _wrap_member(content: dict[str, Any], steps: Sequence[tuple[str, str | None]]) -> bool:
    (key, _), rest = steps[0], steps[1:]
    below = content.get(key)
    if not rest:
        if isinstance(below, list):
            if len(below) != 1:
                return False
            content[key] = below[0]
            return True
        if below is None or below == "":
            return False
        content[key] = [below]
        return True
    elements = [element for element in _elements_of(below) if isinstance(element, dict)]
    wrapped = [_wrap_member(element, rest) for element in elements]
    return bool(wrapped) and all(wrapped)


@dataclass
class ProbeFile:
    """The probes of one case.

    Attributes:
        case: The case.
        probes: The probes by label.
        headers: The headers of a table; empty for JSON.
        golden: The golden rows.
        avoided: Headers with which the file would be one of an earlier form.
    """

    case: ProbeCase
    probes: dict[tuple[str, ...], Probe] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list)
    golden: list[Any] = field(default_factory=list)
    avoided: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Read the golden rows."""
        earlier = self.case.adapter.shapes[: self.case.position]
        signatures = [shape.signature for shape in earlier if shape.shape == self.case.shape.shape]
        if signatures:
            table = open_export(self.case.raw, self.case.adapter, self.case.options)
            lacking = ([name for name in signature if table.key(name) not in table.columns] for signature in signatures)
            own = set(headers_read_by(shape_of_form(self.case)))
            self.avoided = frozenset(min(headers, key=own.__contains__) for headers in lacking if headers)
        if self.case.form == "json":
            self.golden = read_records(self.case.raw) or []
            return
        self.headers, *self.golden = read_rows(self.case.raw) or [[]]
        if self.case.adapter.skip_after_header:  # a row of labels is no row
            row_count = read_export(self.case.raw, self.case.adapter, self.case.options).row_count or 0
            self.golden = self.golden[len(self.golden) - row_count :]

    @property
    def base(self) -> Any:
        """The golden row."""
        return self.golden[self.case.row_number - 1]

    def add(self, *label: str) -> Probe:
        """Add a copy of the golden row, to be changed."""
        self.probes[label] = Probe(self.headers, copy.deepcopy(self.base), self.avoided)
        return self.probes[label]

    def row_number(self, *label: str) -> int:
        """Return the number of a probe's row in the file."""
        return len(self.golden) + 1 + list(self.probes).index(label)

    def unpivoted(self) -> tuple[str, ...]:
        """Return the headers of the golden file whose columns become rows."""
        table = open_export(self.case.raw, self.case.adapter, self.case.options)
        return unpivoted_headers(table, self.case.shape.unpivot)

    def write(self, folder: Path) -> Path:
        """Write the golden rows and the probes below them, under the golden file's name."""
        path = folder / self.case.raw.name
        rows = [*self.golden, *(probe.content for probe in self.probes.values())]
        if self.case.form == "json":
            path.write_text(json.dumps(rows), encoding="utf-8")
            return path
        with path.open("w", newline="", encoding="utf-8") as out:
            width = len(self.headers)
            csv.writer(out).writerows([self.headers, *(row + [""] * (width - len(row)) for row in rows)])
        return path


@dataclass(frozen=True)
class Reading:
    """What the product reads of a probe file.

    Attributes:
        rows: The rows of the shape by row number, without the number.
        other_rows: Row numbers that another shape of the file reads.
        reasons: Why records are passed over.
    """

    rows: dict[int, list[dict[str, Any]]]
    other_rows: frozenset[int]
    reasons: frozenset[str]
    export: Export


def read_probes(probes: ProbeFile, folder: Path) -> Reading:
    """Read a probe file with the adapter of its case."""
    path, adapter, options = probes.write(folder), probes.case.adapter, probes.case.options
    try:
        export = read_export(path, adapter, options)
    except UnprovenForm:  # texts for people, which the golden row does not read, may have no order of day and month
        export = read_export(path, adapter, replace(options, date_order="day_first"))
    shape = probes.case.shape.shape
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in export.shapes[shape].collect().iter_rows(named=True):
        rows.setdefault(row.pop("row_number"), []).append(row)
    others = (frame.collect()["row_number"] for name, frame in export.shapes.items() if name != shape)
    reasons = frozenset(why for frame in export.reason_counts.values() for why in frame.collect()["why"] if why)
    return Reading(rows, frozenset(number for numbers in others for number in numbers), reasons, export)


def shape_of_form(case: ProbeCase) -> ShapeMap:
    """Return the shape map of a case with the fields that count in its form of file."""
    form = "json" if case.form == "json" else "table"
    return replace(case.shape, fields=tuple(each for each in case.shape.fields if each.form in (None, form)))
