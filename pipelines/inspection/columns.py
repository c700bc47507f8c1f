"""What the cells of a column are: keys of people, days, hours, scores, texts that name skills.

Belongs here: the figures of one column that its values give. Values are compared, never kept or printed.
Does not belong here: what a header says (`vocabulary`), which column fills which field (`own_tables`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.core.taxonomy import normalise_name
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.placeholders import drop_placeholders
from pipelines.sources.casts.words import cast_email
from pipelines.sources.conventions import MAX_CONTRADICTING_SHARE
from pipelines.sources.declaration import DateOrder, Transform
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, looks_like_value, stripped_or_null

# Rows of a table that are looked at.
MAX_ROWS = 20_000
# Distinct texts of a column by which its form is known.
SAMPLE_TEXTS = 300
# An account map is about a system if it lists this share of the accounts that lead to nobody otherwise.
MIN_SERVED_SHARE = 0.5
_DATE_ORDERS: tuple[DateOrder, ...] = ("day_first", "month_first")
_PLAIN_NUMBER = r"^[+-]?\d+(?:[.,]\d+)?$"
_DAY_OF_EIGHT_DIGITS = r"^(?:19|20)\d{6}$"


@dataclass(frozen=True)
class CompanyValues:
    """Values that the other files of the folder give, to compare cells with.

    Attributes:
        values_by_person_key: Values of HR by key of a person: employee_number, work_email (in lower case) and
            account_code.
        person_names: Names of people, in lower case.
        unit_and_role_names: Units and roles, in lower case.
        skill_names: Names of micro-skills of the taxonomy, or the skill texts of other exports, normalised.
        unmatched_accounts_by_system: By system, the accounts of its rows that no person in HR has.
        has_taxonomy: Whether `skill_names` are those of a taxonomy.
    """

    values_by_person_key: dict[str, set[str]] = field(default_factory=dict)
    person_names: set[str] = field(default_factory=set)
    unit_and_role_names: set[str] = field(default_factory=set)
    skill_names: set[str] = field(default_factory=set)
    unmatched_accounts_by_system: dict[str, set[str]] = field(default_factory=dict)
    has_taxonomy: bool = False

    @property
    def has_people(self) -> bool:
        """Whether HR lists anybody."""
        return any(self.values_by_person_key.values())


@dataclass(frozen=True)
class ColumnProfile:
    """The figures of one column. Shares are of its filled cells.

    Attributes:
        header: Its header.
        filled_share: Share of the rows in which it is filled.
        distinct_count: Number of distinct texts.
        is_unique: Whether no text is repeated.
        person_key: The key of HR that most of its values are; None if there is none.
        person_key_share: Share of the values that are this key.
        email_share: Share of e-mail addresses.
        name_share: Share of names of people.
        organisation_share: Share of units and roles.
        skill_share: Share of texts that name a micro-skill of the company.
        day_share: Share of days or moments.
        number_share: Share of numbers or durations.
        lowest_number: Lowest number; one in a hundred may lie below, as a typing error.
        highest_number: Highest number; one in a hundred may lie above.
        has_fractions: Whether a number is not whole.
        mean_length: Mean number of characters.
        several_words_share: Share of texts of several words.
        served_systems: The systems of whose accounts without a person it lists most.
        distinct_words: Its distinct texts in lower case, if they are few.
    """

    header: str
    filled_share: float
    distinct_count: int
    is_unique: bool
    person_key: str | None
    person_key_share: float
    email_share: float
    name_share: float
    organisation_share: float
    skill_share: float
    day_share: float
    number_share: float
    lowest_number: float
    highest_number: float
    has_fractions: bool
    mean_length: float
    several_words_share: float
    served_systems: tuple[str, ...]
    distinct_words: frozenset[str]

    @property
    def is_text(self) -> bool:
        """Whether the cells are words rather than numbers, days or addresses."""
        return max(self.number_share, self.day_share, self.email_share) < 0.5


def read_cells(table: TextTable) -> pl.DataFrame:
    """Read the first rows of a table of text.

    Returns:
        One row per row and one column per header that occurs once, without blanks around the texts; null for empty
        cells and placeholders.
    """
    columns_by_header = {header: table.columns.get(table.key(header), ()) for header in table.headers if header.strip()}
    column_by_header = {header: columns[0] for header, columns in columns_by_header.items() if len(columns) == 1}
    first_rows = table.scan(tuple(column_by_header.values())).sort(ROW_NUMBER).head(MAX_ROWS)
    return first_rows.select(
        drop_placeholders(stripped_or_null(pl.col(column))).alias(header) for header, column in column_by_header.items()
    ).collect()


def profile_columns(cells: pl.DataFrame, company_values: CompanyValues) -> list[ColumnProfile]:
    """Describe each column that has a filled cell.

    Args:
        cells: As `read_cells` returns them.
        company_values: Values of the other files.
    """
    return [
        _profile_column(cells[header], company_values)
        for header in cells.columns
        if cells[header].null_count() < cells.height
    ]


def looks_like_data(headers: Sequence[str], company_values: CompanyValues) -> bool:
    """Whether the first row is no header: it holds addresses, numbers, days, or names and keys of people."""
    filled_headers = [header.strip() for header in headers if header.strip()]
    person_values = set().union(*company_values.values_by_person_key.values(), company_values.person_names)
    value_headers = [
        header for header in filled_headers if looks_like_value(header) or header.casefold() in person_values
    ]
    return bool(filled_headers) and len(value_headers) * 3 >= len(filled_headers)


def _profile_column(cells: pl.Series, company_values: CompanyValues) -> ColumnProfile:
    filled_texts = cells.drop_nulls()
    text_frame = filled_texts.to_frame("text")
    lower_texts = text_frame.select(pl.col("text").str.to_lowercase()).to_series()
    email_addresses = _evaluate_texts(text_frame, cast_email(pl.col("text")))
    share_by_key = {
        "employee_number": _compute_share_in(
            filled_texts, company_values.values_by_person_key.get("employee_number", set())
        ),
        "work_email": _compute_share_in(email_addresses, company_values.values_by_person_key.get("work_email", set())),
        "account_code": _compute_share_in(filled_texts, company_values.values_by_person_key.get("account_code", set())),
    }
    best_key = max(share_by_key, key=lambda key_column: share_by_key[key_column])
    cell_numbers = _read_numbers(filled_texts)
    distinct_count = filled_texts.n_unique()
    return ColumnProfile(
        cells.name,
        filled_texts.len() / max(cells.len(), 1),
        distinct_count,
        distinct_count == filled_texts.len(),
        best_key if share_by_key[best_key] else None,
        share_by_key[best_key],
        _compute_filled_share(email_addresses),
        _compute_share_in(lower_texts, company_values.person_names),
        _compute_share_in(lower_texts, company_values.unit_and_role_names),
        _compute_skill_share(text_frame, company_values.skill_names),
        _compute_day_share(filled_texts),
        cell_numbers.len() / filled_texts.len(),
        float(cell_numbers.quantile(MAX_CONTRADICTING_SHARE, "lower") or 0.0),
        float(cell_numbers.quantile(1 - MAX_CONTRADICTING_SHARE, "higher") or 0.0),
        bool((cell_numbers != cell_numbers.floor()).any()),
        float(text_frame.select(pl.col("text").str.len_chars().mean()).item()),
        float(text_frame.select(pl.col("text").str.contains(r"\S\s+\S").mean()).item()),
        _find_served_systems(filled_texts, company_values),
        frozenset(lower_texts.unique()) if distinct_count <= 30 else frozenset(),
    )


def _evaluate_texts(text_frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """Return the expression, evaluated for each text of the column `text`."""
    return text_frame.select(expression.alias("value")).to_series()


def _compute_filled_share(texts: pl.Series) -> float:
    return 1 - texts.null_count() / max(texts.len(), 1)


def _compute_share_in(texts: pl.Series, known_texts: set[str]) -> float:
    return float(texts.is_in(list(known_texts)).fill_null(False).sum()) / max(texts.len(), 1) if known_texts else 0.0


def _read_numbers(texts: pl.Series) -> pl.Series:
    """Return the numbers among the texts, and durations in hours; the decimal sign may be a point or a comma."""
    if not _is_mostly_true(_sample_texts(texts).str.contains(r"\d")):
        return pl.Series("number", [], pl.Float64)
    number_candidates = (
        cast_text(pl.col("text"), Transform("hours", decimal_comma=is_comma), "UTC") for is_comma in (False, True)
    )
    is_eight_digit_date = pl.col("text").str.contains(_DAY_OF_EIGHT_DIGITS)
    text_numbers = (
        texts.unique()
        .to_frame("text")
        .with_columns(pl.when(~is_eight_digit_date).then(pl.coalesce(number_candidates)).alias("number"))
    )
    return texts.to_frame("text").join(text_numbers, on="text").drop_nulls("number")["number"]


def _compute_day_share(texts: pl.Series) -> float:
    """Return the share of texts that read as dates, under whichever order of day and month reads more.

    Plain numbers do not count as dates.
    """
    sampled_texts = _sample_texts(texts)
    is_plain_number = sampled_texts.str.contains(_PLAIN_NUMBER) & ~sampled_texts.str.contains(_DAY_OF_EIGHT_DIGITS)
    date_candidates = sampled_texts.filter(~is_plain_number & sampled_texts.str.contains(r"\d"))
    if date_candidates.len() < sampled_texts.len() / 2:
        return 0.0
    date_candidate_frame = date_candidates.to_frame("text")
    date_transforms = (Transform("datetime", date_order=date_order) for date_order in _DATE_ORDERS)
    readable_date_counts = (
        date_candidate_frame.select(cast_text(pl.col("text"), date_transform, "UTC", date_candidates).count()).item()
        for date_transform in date_transforms
    )
    return float(max(readable_date_counts)) / sampled_texts.len()


def _sample_texts(texts: pl.Series) -> pl.Series:
    """Return distinct texts from the whole column."""
    return texts.unique(maintain_order=True).gather_every(max(texts.n_unique() // SAMPLE_TEXTS, 1))


def _is_mostly_true(flags: pl.Series) -> bool:
    """Whether at least half of the flags are true."""
    return bool(flags.sum() * 2 >= flags.len())


def lists_accounts(cells: pl.DataFrame, company_values: CompanyValues) -> bool:
    """Whether a column lists accounts of other exports that lead to nobody."""
    return any(_find_served_systems(cells[header].drop_nulls(), company_values) for header in cells.columns)


def _find_served_systems(texts: pl.Series, company_values: CompanyValues) -> tuple[str, ...]:
    listed_texts = set(texts)
    return tuple(
        system
        for system, unmatched_accounts in sorted(company_values.unmatched_accounts_by_system.items())
        if len(unmatched_accounts & listed_texts) >= MIN_SERVED_SHARE * max(len(unmatched_accounts), 1)
    )


def _compute_skill_share(text_frame: pl.DataFrame, skill_names: set[str]) -> float:
    if not skill_names:
        return 0.0
    skill_text_parts = text_frame.select(pl.col("text").str.split("|").alias("part")).explode("part")
    return _compute_share_in(_evaluate_texts(skill_text_parts, normalise_name(pl.col("part"))), skill_names)
