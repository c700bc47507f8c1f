"""Which system wrote a file: every adapter tried against its columns; and what each system needs and can use.

Belongs here: guesses with their reasons, the footsteps.yaml block of the best one, the list of systems.
Does not belong here: reading a file by the chosen adapter (`adapter`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.sources.adapter import all_adapters, open_export
from pipelines.sources.declaration import Adapter, ExportRefused, FieldMap, ShapeMap
from pipelines.sources.mapping import headers_read_by, nearest_names
from pipelines.sources.readers.text_table import TextTable, normalize_header

# A guess needs at least half of what would speak for it.
MIN_MATCH_SCORE = 0.5


@dataclass(frozen=True, slots=True)
class SystemMatch:
    """One system and shape that a file may be of: score 0..1, columns that speak for it, and needed ones it lacks."""

    system: str
    shape: CanonicalSchemaName | None
    score: float
    matching: tuple[str, ...]
    missing: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class SystemColumns:
    """One system: what it exports, and the columns each shape needs and can use; alternatives are joined by ` or `."""

    system: str
    title: str
    domain: str
    formats: tuple[str, ...]
    shapes: tuple[str, ...]
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    notes: str


def describe_systems() -> list[SystemColumns]:
    """One row per system, by name."""
    return [_describe(one) for one in all_adapters().values()]


def rank_systems(path: Path) -> list[SystemMatch]:
    """Guesses by falling score: one per system and shape that can open the file and shares a column with it.

    The score is the share of the signature that the file has, or, if that is more, of the fields it can fill; each
    needed column that it lacks halves it.
    Raises ExportRefused, with the reason of the reader, where no system can open the file.
    """
    guesses: list[SystemMatch] = []
    refusals: dict[str, None] = {}
    tables: dict[object, TextTable] = {}
    for one in all_adapters().values():
        # Systems that read a file alike share one reading.
        way = (one.formats, one.records_path, one.record_terminator)
        try:
            table = tables[way] if way in tables else tables.setdefault(way, open_export(path, one))
        except ExportRefused as refusal:
            refusals[str(refusal)] = None
            continue
        guesses += [found for shape in one.shapes if (found := _guess(one, shape, table))]
    if not tables:
        raise ExportRefused(next(iter(refusals)))
    return sorted(guesses, key=lambda guess: (-guess.score, len(guess.missing), -len(guess.matching), guess.system))


def suggest_source_block(path: Path) -> str:
    """The `sources:` entry of footsteps.yaml for the file, with the reasons as comments.

    Without a good guess it is one of the system `tabular`, to be filled in.
    """
    guesses = rank_systems(path)
    best = guesses[0] if guesses and guesses[0].score >= MIN_MATCH_SCORE and not guesses[0].missing else None
    name = re.sub(r"[^a-z0-9]+", "_", (best.system if best else path.name.split(".")[0]).lower()).strip("_")
    name = name if name[:1].isalpha() else f"source_{name}".rstrip("_")
    entry: dict[str, object] = {"name": name, "system": best.system if best else "tabular"}
    entry["path"] = f"{name}/*{''.join(path.suffixes[-2:])}"
    lines = [f"# {best.why}" if best else "# no system fits: choose a shape and map its columns"]
    if best is None:
        headers = open_export(path, all_adapters()["tabular"]).headers
        entry |= {
            "shape": "skill_mention",
            "mapping": dict.fromkeys(("account_code", "skill_text", "occurred_at"), "?"),
        }
        lines += [f"# columns of the file: {', '.join(headers[:40])}"]
        lines += [f"# nearest guess: {guess.why}" for guess in guesses[:1]]
    text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True).rstrip()
    return "\n".join([*lines, "sources:", *(f"  {line}" for line in text.splitlines()), ""])


def _guess(adapter: Adapter, shape: ShapeMap, table: TextTable) -> SystemMatch | None:
    signature = shape.form or adapter.signature or tuple(dict.fromkeys(f.sources[0] for f in shape.fields if f.sources))
    known = {*table.columns, *(header.split(".")[0] for header in table.columns)}  # a member is there with its members
    matching = tuple(header for header in signature if normalize_header(header) in known)
    mapped = [one for one in shape.fields if any(normalize_header(source) in table.columns for source in one.sources)]
    missing = tuple(" or ".join(one.sources) for one in _needed(shape.fields) if not _is_there(one, shape, table))
    if not matching and not mapped:
        return None
    of_signature = len(matching) / max(len(signature), 1)
    of_fields = len({one.destination for one in mapped}) / max(len({one.destination for one in shape.fields}), 1)
    read = {normalize_header(source) for source in headers_read_by(shape)}
    of_file = len(read & set(table.columns)) / max(len(table.columns), 1)
    marked, covered = 0.7 * of_signature + 0.3 * of_fields, 0.7 * of_fields + 0.3 * of_file
    score = round(max(marked, covered) * 0.5 ** len(missing), 3)
    why = f"{adapter.title}: has {len(matching)} of {len(signature)} columns that mark it"
    why += f" ({', '.join(matching)})" if matching else ""
    why += f" and fills {len(mapped)} columns of {shape.shape}"
    for one in missing:
        why += f"; lacks {one}, nearest: {nearest_names(one.split(' or ')[0], table.headers)}"
    return SystemMatch(adapter.system, shape.shape, score, matching, missing, why)


def _needed(fields: Iterable[FieldMap]) -> list[FieldMap]:
    return [one for one in fields if one.required and one.sources]


def _is_there(one: FieldMap, shape: ShapeMap, table: TextTable) -> bool:
    """Whether any variant of the destination has a header in the file."""
    variants = [other for other in shape.fields if other.destination == one.destination]
    return any(normalize_header(source) in table.columns for other in variants for source in other.sources)


def _describe(adapter: Adapter) -> SystemColumns:
    fields = [one for shape in adapter.shapes for one in shape.fields if one.sources]
    needed = tuple(dict.fromkeys(" or ".join(one.sources) for one in _needed(fields)))
    rest = dict.fromkeys(" or ".join(one.sources) for one in fields if not one.required)
    return SystemColumns(
        adapter.system,
        adapter.title,
        adapter.domain,
        adapter.formats,
        tuple(dict.fromkeys(shape.shape for shape in adapter.shapes)),
        needed,
        tuple(one for one in rest if one not in needed),
        adapter.notes,
    )
