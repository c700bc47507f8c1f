"""The text of footsteps.yaml: the drafted entries, each with what was decided and from what as comments.

Belongs here: the layout of the file, and its comments. They name columns and counts, never a value of a file.
Does not belong here: what is decided (`draft`, `source_entries`).
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from textwrap import wrap
from typing import Any

import yaml

from pipelines.inspection.draft import ConfigDraft, UndecidedTable
from pipelines.inspection.patterns import source_name
from pipelines.inspection.source_entries import DraftSource

# Marks what was assumed and what was left open, for a search in the file.
CHECK, DECIDE = "CHECK", "DECIDE"
_WIDTH = 118
# Exports of a company that delivers are younger than this.
MAX_AGE_DAYS = 30
_INTRODUCTION = (
    f"Drafted by `footsteps init` from the files of a folder. Lines with {CHECK} are assumptions, lines with {DECIDE} "
    "are left open. docs/sources.md in the source code of Footsteps explains every key."
)


def render_config(draft: ConfigDraft, landing: str) -> str:
    """Render footsteps.yaml.

    Args:
        draft: The draft.
        landing: The landing folder, as the file names it.

    Returns:
        YAML that `read_config` accepts if the draft has a source.
    """
    lines = [
        *_comment_lines(_INTRODUCTION),
        f"landing: {_yaml_line(landing)}",
        *_render_as_of(draft),
        "",
        "sources:" if draft.sources else "sources: []",
    ]
    for source in draft.sources:
        lines += _render_source(source)
    for table in draft.undecided:
        lines += _render_undecided(table)
    lines += ["", *_comment_lines("; ".join(draft.taxonomy.comments))]
    lines += [line for question in draft.taxonomy.questions for line in _comment_lines(f"{CHECK} {question}")]
    lines += [f"taxonomy: {_yaml_line(draft.taxonomy.section)}"]
    if draft.left_out:
        lines += ["", "# Files that no source reads:"]
        lines += [
            line
            for file, reason in draft.left_out
            for line in _comment_lines(f"- {file.label}: {reason}", hanging="  ")
        ]
    return "\n".join([*lines, ""])


def count_marks(draft: ConfigDraft) -> tuple[int, int]:
    """Return the number of assumptions and of open questions that the file marks."""
    notes = [note for source in draft.sources for note in source.notes_by_column.values()]
    assumptions = [note for note in notes if note.startswith(CHECK)]
    questions = [question for source in draft.sources for question in source.questions]
    return len(assumptions) + len(questions) + len(draft.taxonomy.questions), len(draft.undecided)


def _render_as_of(draft: ConfigDraft) -> list[str]:
    """Lines that set `as_of` to the newest record if the exports are old: as of today, skills would be forgotten."""
    if draft.newest_day is None or draft.newest_day >= draft.today - timedelta(days=MAX_AGE_DAYS):
        return []
    comment = f"the newest record is of {draft.newest_day}; take this out once new exports arrive every day"
    return [*_comment_lines(comment), "as_of: newest_event"]


def _render_source(source: DraftSource) -> Iterator[str]:
    yield ""
    for comment in source.comments:
        yield from _comment_lines(comment, "  ")
    for question in source.questions:
        yield from _comment_lines(f"{CHECK} {question}", "  ")
    for position, (entry_key, entry_value) in enumerate(source.entry.items()):
        line_start = "  - " if not position else "    "
        if entry_key != "mapping":
            yield f"{line_start}{entry_key}: {_yaml_line(entry_value)}"
            continue
        yield f"{line_start}mapping:"
        for destination, field_entry in entry_value.items():
            note = source.notes_by_column.get(destination)
            yield f"      {destination}: {_yaml_line(field_entry)}" + (f"  # {note}" if note else "")


def _render_undecided(table: UndecidedTable) -> Iterator[str]:
    """Render an entry to complete, as comments."""
    proposal = table.proposal
    yield ""
    file_names = ", ".join(file.label for file in table.files)
    yield from _comment_lines(f"{DECIDE} {file_names}: {'; '.join(proposal.questions)}", "  ")
    yield from _comment_lines(f"columns: {', '.join(table.headers)}", "  ")
    source_entry = {"name": source_name(table.files[0].stem, ()), "system": "tabular", "shape": proposal.shape or "?"}
    entry_lines = [
        f"{entry_key}: {_yaml_line(entry_value)}"
        for entry_key, entry_value in {**source_entry, "path": table.files[0].path}.items()
    ]
    entry_lines += ["mapping:"]
    entry_lines += [
        f"  {proposed_field.destination}: {_yaml_line(proposed_field.entry)}  # {proposed_field.reason}"
        for proposed_field in proposal.fields
    ]
    entry_lines += [
        f"  {column_alternatives.split(' or ')[0]}: ?  # needed: {column_alternatives}"
        for column_alternatives in proposal.missing_columns
    ]
    for position, entry_line in enumerate(entry_lines):
        yield f"  # {'  ' if position else '- '}{entry_line}"


def _comment_lines(comment_text: str, indent: str = "", hanging: str = "") -> Iterable[str]:
    """Return the lines of a YAML comment; all but the first are indented by `hanging` in addition."""
    prefix = f"{indent}# "
    return wrap(
        "".join(character if character.isprintable() else " " for character in comment_text),
        _WIDTH,
        initial_indent=prefix,
        subsequent_indent=f"{prefix}{hanging}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _yaml_line(yaml_value: Any) -> str:
    """Return a value of footsteps.yaml in one line of YAML."""
    yaml_text = yaml.safe_dump(yaml_value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return yaml_text.removesuffix("\n").removesuffix("\n...")
