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


def propose_by_schema(profiles: Sequence[ColumnProfile], company_values: CompanyValues) -> TableProposal | None:
    """Propose a mapping for a table whose headers or words are those of a canonical schema.

    Args:
        profiles: Its columns.
        company_values: Values of the other files.

    Returns:
        The proposal; None if no canonical schema matches.
    """
    if (canonical_proposal := _propose_canonical(profiles)) is not None:
        return canonical_proposal
    for shape in _CLOSED_SHAPES:
        if profile_by_column := _match_closed_columns(shape, profiles):
            return _propose_closed(shape, profile_by_column, profiles, company_values)
    return None


def _propose_canonical(profiles: Sequence[ColumnProfile]) -> TableProposal | None:
    """The proposal for a table whose headers are the names of canonical columns, as `footsteps reply` writes them."""
    profile_by_column = {normalize_header(profile.header).replace(" ", "_"): profile for profile in profiles}
    best_proposal: TableProposal | None = None
    for shape_name, schema in CANONICAL_SCHEMAS.items():
        present_columns = [column for column in schema.columns if column in profile_by_column]
        proposed_fields = tuple(
            ProposedField(column, profile_by_column[column].header, "its name")
            for column in present_columns
            if _has_allowed_words(profile_by_column[column], column)
        )
        proposal = TableProposal(shape_name, proposed_fields)
        is_complete = (
            len(present_columns) >= MIN_CANONICAL_HEADERS
            and len(proposed_fields) == len(present_columns)
            and not proposal.missing_columns
        )
        if is_complete and (best_proposal is None or len(proposed_fields) > len(best_proposal.fields)):
            best_proposal = proposal
    return best_proposal


def _match_closed_columns(shape: CanonicalSchemaName, profiles: Sequence[ColumnProfile]) -> dict[str, ColumnProfile]:
    """Return the columns whose words are a closed list of the schema; none if a needed list is missing."""
    closed_list_columns = [column for column in CANONICAL_SCHEMAS[shape].columns if COLUMNS[column].allowed]
    profile_by_column: dict[str, ColumnProfile] = {}
    for column in closed_list_columns:
        fitting_profiles = [
            profile
            for profile in profiles
            if profile.distinct_words
            and profile not in profile_by_column.values()
            and _has_allowed_words(profile, column)
        ]
        if fitting_profiles:
            profile_by_column[column] = max(fitting_profiles, key=lambda profile: len(profile.distinct_words))
    needed_columns = set(closed_list_columns) & set(CANONICAL_SCHEMAS[shape].required)
    return profile_by_column if needed_columns <= profile_by_column.keys() else {}


def _propose_closed(
    shape: CanonicalSchemaName,
    profile_by_column: Mapping[str, ColumnProfile],
    profiles: Sequence[ColumnProfile],
    company_values: CompanyValues,
) -> TableProposal:
    """The proposal for a table of consents or replies, which only its words show."""
    column_roles = assign_roles(
        [profile for profile in profiles if profile not in profile_by_column.values()], company_values
    )
    draft = MappingDraft(column_roles, set())
    for column, profile in profile_by_column.items():
        draft.fields.append(ProposedField(column, profile.header, "its words are those of this column"))
    draft.fill_person(column_roles.persons)
    draft.fill("record_code", column_roles.record)
    draft.fill("skill_text", column_roles.skill)
    draft.fill("stated_at" if shape == "consent" else "replied_at", column_roles.day)
    draft.fill("expires_date" if shape == "consent" else "until_date", column_roles.end or column_roles.planned_day)
    return draft.finish(shape)


def _has_allowed_words(profile: ColumnProfile, column: str) -> bool:
    allowed_words = COLUMNS[column].allowed
    return not allowed_words or (bool(profile.distinct_words) and profile.distinct_words <= set(allowed_words))
