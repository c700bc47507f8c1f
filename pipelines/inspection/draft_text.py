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
from pipelines.inspection.patterns import make_source_name
from pipelines.inspection.source_entries import DraftSource

# Marks what was assumed and what was left open, for a search in the file.
CHECK, DECIDE = "CHECK", "DECIDE"
_LINE_WIDTH = 118
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
    yaml_lines = [
        *_wrap_comment(_INTRODUCTION),
        f"landing: {_format_yaml_line(landing)}",
        *_render_as_of(draft),
        "",
        "sources:" if draft.sources else "sources: []",
    ]
    for source in draft.sources:
        yaml_lines += _render_source(source)
    for undecided_table in draft.undecided_tables:
        yaml_lines += _render_undecided(undecided_table)
    yaml_lines += ["", *_wrap_comment("; ".join(draft.taxonomy.comments))]
    yaml_lines += [
        comment_line for question in draft.taxonomy.questions for comment_line in _wrap_comment(f"{CHECK} {question}")
    ]
    yaml_lines += [f"taxonomy: {_format_yaml_line(draft.taxonomy.taxonomy_section)}"]
    if draft.left_out_files:
        yaml_lines += ["", "# Files that no source reads:"]
        yaml_lines += [
            comment_line
            for file, reason in draft.left_out_files
            for comment_line in _wrap_comment(f"- {file.label}: {reason}", hanging_indent="  ")
        ]
    return "\n".join([*yaml_lines, ""])


def count_marks(draft: ConfigDraft) -> tuple[int, int]:
    """Return the number of assumptions and of open questions that the file marks."""
    notes = [note for source in draft.sources for note in source.notes_by_column.values()]
    assumptions = [note for note in notes if note.startswith(CHECK)]
    questions = [question for source in draft.sources for question in source.questions]
    return len(assumptions) + len(questions) + len(draft.taxonomy.questions), len(draft.undecided_tables)


def _render_as_of(draft: ConfigDraft) -> list[str]:
    """Lines that set `as_of` to the newest record if the exports are old: as of today, skills would be forgotten."""
    if draft.newest_day is None or draft.newest_day >= draft.today - timedelta(days=MAX_AGE_DAYS):
        return []
    comment = f"the newest record is of {draft.newest_day}; take this out once new exports arrive every day"
    return [*_wrap_comment(comment), "as_of: newest_event"]


def _render_source(source: DraftSource) -> Iterator[str]:
    yield ""
    for comment in source.comments:
        yield from _wrap_comment(comment, "  ")
    for question in source.questions:
        yield from _wrap_comment(f"{CHECK} {question}", "  ")
    for entry_index, (entry_key, entry_value) in enumerate(source.entry.items()):
        line_prefix = "  - " if not entry_index else "    "
        if entry_key != "mapping":
            yield f"{line_prefix}{entry_key}: {_format_yaml_line(entry_value)}"
            continue
        yield f"{line_prefix}mapping:"
        for destination, field_entry in entry_value.items():
            note = source.notes_by_column.get(destination)
            yield f"      {destination}: {_format_yaml_line(field_entry)}" + (f"  # {note}" if note else "")


def _render_undecided(undecided_table: UndecidedTable) -> Iterator[str]:
    """Render an entry to complete, as comments."""
    proposal = undecided_table.proposal
    yield ""
    file_names = ", ".join(file.label for file in undecided_table.files)
    yield from _wrap_comment(f"{DECIDE} {file_names}: {'; '.join(proposal.questions)}", "  ")
    yield from _wrap_comment(f"columns: {', '.join(undecided_table.headers)}", "  ")
    source_entry = {
        "name": make_source_name(undecided_table.files[0].stem, ()),
        "system": "tabular",
        "shape": proposal.shape or "?",
    }
    entry_lines = [
        f"{entry_key}: {_format_yaml_line(entry_value)}"
        for entry_key, entry_value in {**source_entry, "path": undecided_table.files[0].path}.items()
    ]
    entry_lines += ["mapping:"]
    entry_lines += [
        f"  {proposed_field.destination}: {_format_yaml_line(proposed_field.entry)}  # {proposed_field.reason}"
        for proposed_field in proposal.fields
    ]
    entry_lines += [
        f"  {column_alternatives.split(' or ')[0]}: ?  # needed: {column_alternatives}"
        for column_alternatives in proposal.missing_columns
    ]
    for line_index, entry_line in enumerate(entry_lines):
        yield f"  # {'  ' if line_index else '- '}{entry_line}"


def _wrap_comment(comment_text: str, indent: str = "", hanging_indent: str = "") -> Iterable[str]:
    """Return the lines of a YAML comment; all but the first are indented by `hanging_indent` in addition."""
    first_prefix = f"{indent}# "
    return wrap(
        "".join(character if character.isprintable() else " " for character in comment_text),
        _LINE_WIDTH,
        initial_indent=first_prefix,
        subsequent_indent=f"{first_prefix}{hanging_indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _format_yaml_line(yaml_value: Any) -> str:
    """Return a value of footsteps.yaml in one line of YAML."""
    yaml_text = yaml.safe_dump(yaml_value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return yaml_text.removesuffix("\n").removesuffix("\n...")
