"""Statements, sections and documents of the pack, as data, and their Markdown.

Belongs here: what a statement is, and how it is rendered with the places that make it true.
Does not belong here: which statements there are (`assets.pack.documents`), looking up a place (`places`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from assets.pack.places import Place, PlaceContent, PlaceKind, Product

_PLACES_FILE = "places.json"
_KIND_LABELS: Mapping[PlaceKind, str] = {
    "table": "contract",
    "column": "column",
    "rule": "rule",
    "policy": "policy",
    "training": "training",
    "config": "footsteps.yaml",
    "command": "command",
    "code": "code",
    "test": "test",
}


class PlaceChanged(Exception):
    """A place is not as it was when the statements that name it were confirmed."""


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        text: The sentence; `{name}` stands for what the place of that name shows.
        places: The places that make it true, by name.
    """

    text: str
    places: Mapping[str, Place]


@dataclass(frozen=True)
class Section:
    """A heading with its statements and, behind them, tables that are made of the contracts.

    Attributes:
        title: The heading.
        statements: The statements, in order.
        note: What the company has to add or decide, which nothing in the product can say; empty if nothing.
        table_name: Name of the table of `assets.pack.tables` that stands behind the statements; None for none.
    """

    title: str
    statements: tuple[Statement, ...] = ()
    note: str = ""
    table_name: str | None = None


@dataclass(frozen=True)
class PackDocument:
    """One document of the pack.

    Attributes:
        file_name: Name of its file, without suffix.
        title: The heading.
        basis: The provisions that it is drafted for.
        sections: Its sections.
    """

    file_name: str
    title: str
    basis: str
    sections: tuple[Section, ...] = field(default_factory=tuple)

    def list_places(self) -> Iterator[Place]:
        """Every place that a statement names."""
        for section in self.sections:
            for statement in section.statements:
                yield from statement.places.values()


def state(text: str, **places: Place) -> Statement:
    """Make a statement.

    Raises:
        ValueError: It names no place, or its text has a place that is not given.
    """
    if not places:
        raise ValueError(f"a statement names at least one place: {text}")
    try:
        text.format(**dict.fromkeys(places, ""))
    except (KeyError, IndexError) as error:
        raise ValueError(f"a place is missing in: {text}") from error
    return Statement(text, places)


def place_maker(kind: PlaceKind) -> Any:
    """A function that makes places of a kind of their address."""

    def make_place(address: str) -> Place:
        return Place(kind, address)

    return make_place


TABLE, COLUMN, RULE, POLICY, TRAINING, CONFIG, COMMAND, CODE, TEST = (
    place_maker(kind) for kind in ("table", "column", "rule", "policy", "training", "config", "command", "code", "test")
)


def read_confirmed() -> dict[str, str]:
    """The fingerprint of each place, by its key, as it was when the statements were confirmed."""
    recorded: dict[str, str] = json.loads(files("assets.pack").joinpath(_PLACES_FILE).read_text(encoding="utf-8"))
    return recorded


def look_up_confirmed(
    product: Product, places: Iterable[Place], confirmed: Mapping[str, str]
) -> dict[str, PlaceContent]:
    """Look up places and compare them with what was confirmed.

    Args:
        product: The product.
        places: The places.
        confirmed: The confirmed fingerprint by key of the place.

    Returns:
        The content by key of the place.

    Raises:
        PlaceGone: A place is gone.
        PlaceChanged: A place changed since it was confirmed, or was never confirmed.
    """
    content_by_key = {place.key: product.look_up(place) for place in places}
    changed_keys = [
        place_key
        for place_key, content in content_by_key.items()
        if content.fingerprint is not None and confirmed.get(place_key) != content.fingerprint
    ]
    if changed_keys:
        raise PlaceChanged(
            f"changed since the statements were confirmed: {', '.join(sorted(changed_keys))}; read the statements that "
            "name them, and confirm with WRITE_PLACES=1 pytest tests/assets/pack"
        )
    return content_by_key


def render_document(
    document: PackDocument, content_by_key: Mapping[str, PlaceContent], tables: Mapping[str, str], head: str
) -> str:
    """Render a document as Markdown.

    Args:
        document: The document.
        content_by_key: The content of each place that it names.
        tables: Markdown of tables by name.
        head: Lines that every document has: of whom, when and from what it was made.

    Returns:
        The page. Each statement carries its places in brackets.
    """
    lines = [f"# {document.title}", "", f"*Drafted for: {document.basis}.*", "", head, ""]
    for section in document.sections:
        lines += [f"## {section.title}", ""]
        for statement in section.statements:
            shown = {name: content_by_key[place.key].shown for name, place in statement.places.items()}
            lines.append(f"- {statement.text.format(**shown)} {_render_places(statement)}")
        if section.statements:
            lines.append("")
        if section.table_name is not None:
            lines += [tables[section.table_name], ""]
        if section.note:
            lines += [f"> **To complete:** {section.note}", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _render_places(statement: Statement) -> str:
    links = ", ".join(f"{_KIND_LABELS[place.kind]} `{place.address}`" for place in statement.places.values())
    return f"[{links}]"
