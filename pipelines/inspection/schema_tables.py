"""Tables whose headers or words are those of a canonical schema: nothing has to be guessed.

Belongs here: headers with the names of canonical columns, and closed lists of words.
Does not belong here: tables that only cells and names show (`own_tables`).
"""

from collections.abc import Mapping, Sequence

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.inspection.columns import ColumnProfile, CompanyValues
from pipelines.inspection.proposal import MappingDraft, ProposedField, TableProposal
from pipelines.inspection.roles import assign_roles
from pipelines.sources.readers.text_table import normalize_header

# A table whose own headers are names of canonical columns has at least this many of them.
MIN_CANONICAL_HEADERS = 3
# What people state about themselves must not be mistaken: only the words of a closed list show it.
_CLOSED_SHAPES: tuple[CanonicalSchemaName, ...] = ("consent", "reply")


def propose_by_schema(profiles: Sequence[ColumnProfile], company: CompanyValues) -> TableProposal | None:
    """Propose how a table is read whose headers or words are those of a canonical schema.

    Args:
        profiles: Its columns.
        company: Values of the other files.

    Returns:
        The proposal; None if the table is none of these.
    """
    if (canonical := _propose_canonical(profiles)) is not None:
        return canonical
    for shape in _CLOSED_SHAPES:
        if closed := _match_closed_columns(shape, profiles):
            return _propose_closed(shape, closed, profiles, company)
    return None


def _propose_canonical(profiles: Sequence[ColumnProfile]) -> TableProposal | None:
    """The proposal for a table whose headers are the names of canonical columns, as `footsteps reply` writes them."""
    headers = {normalize_header(p.header).replace(" ", "_"): p for p in profiles}
    best: TableProposal | None = None
    for name, schema in CANONICAL_SCHEMAS.items():
        columns = [column for column in schema.columns if column in headers]
        fields = tuple(
            ProposedField(column, headers[column].header, "its name")
            for column in columns
            if _has_allowed_words(headers[column], column)
        )
        proposal = TableProposal(name, fields)
        is_enough = len(columns) >= MIN_CANONICAL_HEADERS and len(fields) == len(columns) and not proposal.missing
        if is_enough and (best is None or len(fields) > len(best.fields)):
            best = proposal
    return best


def _match_closed_columns(shape: CanonicalSchemaName, profiles: Sequence[ColumnProfile]) -> dict[str, ColumnProfile]:
    """Return the columns whose words are a closed list of the schema; none if a needed list is missing."""
    closed = [name for name in CANONICAL_SCHEMAS[shape].columns if COLUMNS[name].allowed]
    columns: dict[str, ColumnProfile] = {}
    for name in closed:
        fitting = [p for p in profiles if p.words and p not in columns.values() and _has_allowed_words(p, name)]
        if fitting:
            columns[name] = max(fitting, key=lambda p: len(p.words))
    needed = set(closed) & set(CANONICAL_SCHEMAS[shape].required)
    return columns if needed <= columns.keys() else {}


def _propose_closed(
    shape: CanonicalSchemaName,
    closed: Mapping[str, ColumnProfile],
    profiles: Sequence[ColumnProfile],
    company: CompanyValues,
) -> TableProposal:
    """The proposal for a table of consents or replies, which only its words show."""
    roles = assign_roles([profile for profile in profiles if profile not in closed.values()], company)
    draft = MappingDraft(roles, set())
    for name, profile in closed.items():
        draft.fields.append(ProposedField(name, profile.header, "its words are those of this column"))
    draft.fill_person(roles.persons)
    draft.fill("record_code", roles.record)
    draft.fill("skill_text", roles.skill)
    draft.fill("stated_at" if shape == "consent" else "replied_at", roles.day)
    draft.fill("expires_date" if shape == "consent" else "until_date", roles.end or roles.planned_day)
    return draft.finish(shape)


def _has_allowed_words(profile: ColumnProfile, column: str) -> bool:
    allowed = COLUMNS[column].allowed
    return not allowed or (bool(profile.words) and profile.words <= set(allowed))
