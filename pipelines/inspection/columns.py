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
        keys: Values of HR by key of a person: employee_number, work_email (in lower case), account_code.
        names: Names of people, in lower case.
        organisation: Units and roles, in lower case.
        skills: Names of micro-skills of the taxonomy, or the skill texts of other exports, normalised.
        accounts: By system, the accounts of its rows that lead to nobody.
        has_taxonomy: Whether `skills` are those of a taxonomy.
    """

    keys: dict[str, set[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    organisation: set[str] = field(default_factory=set)
    skills: set[str] = field(default_factory=set)
    accounts: dict[str, set[str]] = field(default_factory=dict)
    has_taxonomy: bool = False

    @property
    def has_people(self) -> bool:
        """Whether HR lists anybody."""
        return any(self.keys.values())


@dataclass(frozen=True)
class ColumnProfile:
    """The figures of one column. Shares are of its filled cells.

    Attributes:
        header: Its header.
        filled_share: Share of the rows in which it is filled.
        distinct_count: Number of distinct texts.
        is_unique: Whether no text is repeated.
        key: The key of HR that most of its values are; None if there is none.
        key_share: Share of the values that are this key.
        email_share: Share of e-mail addresses.
        name_share: Share of names of people.
        organisation_share: Share of units and roles.
        skill_share: Share of texts that name a micro-skill of the company.
        day_share: Share of days or moments.
        number_share: Share of numbers or durations.
        lowest: Lowest number; one in a hundred may lie below, as a typing error.
        highest: Highest number; one in a hundred may lie above.
        has_fractions: Whether a number is not whole.
        mean_length: Mean number of characters.
        blank_share: Share of texts of several words.
        serves: The systems of whose accounts without a person it lists most.
        words: Its distinct texts in lower case, if they are few.
    """

    header: str
    filled_share: float
    distinct_count: int
    is_unique: bool
    key: str | None
    key_share: float
    email_share: float
    name_share: float
    organisation_share: float
    skill_share: float
    day_share: float
    number_share: float
    lowest: float
    highest: float
    has_fractions: bool
    mean_length: float
    blank_share: float
    serves: tuple[str, ...]
    words: frozenset[str]

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
    rows = table.scan(tuple(column_by_header.values())).sort(ROW_NUMBER).head(MAX_ROWS)
    return rows.select(
        drop_placeholders(stripped_or_null(pl.col(column))).alias(header) for header, column in column_by_header.items()
    ).collect()


def profile_columns(cells: pl.DataFrame, company: CompanyValues) -> list[ColumnProfile]:
    """Describe each column that has a filled cell.

    Args:
        cells: As `read_cells` returns them.
        company: Values of the other files.
    """
    return [_profile(cells[header], company) for header in cells.columns if cells[header].null_count() < cells.height]


def looks_like_data(headers: Sequence[str], company: CompanyValues) -> bool:
    """Whether the first row is no header: it holds addresses, numbers, days, or names and keys of people."""
    filled_headers = [header.strip() for header in headers if header.strip()]
    person_values = set().union(*company.keys.values(), company.names)
    value_headers = [
        header for header in filled_headers if looks_like_value(header) or header.casefold() in person_values
    ]
    return bool(filled_headers) and len(value_headers) * 3 >= len(filled_headers)


def _profile(cells: pl.Series, company: CompanyValues) -> ColumnProfile:
    texts = cells.drop_nulls()
    text_frame = texts.to_frame("text")
    lower_texts = text_frame.select(pl.col("text").str.to_lowercase()).to_series()
    addresses = _evaluate(text_frame, cast_email(pl.col("text")))
    share_by_key = {
        "employee_number": _share_in(texts, company.keys.get("employee_number", set())),
        "work_email": _share_in(addresses, company.keys.get("work_email", set())),
        "account_code": _share_in(texts, company.keys.get("account_code", set())),
    }
    best_key = max(share_by_key, key=lambda candidate: share_by_key[candidate])
    numbers = _numbers(texts)
    distinct_count = texts.n_unique()
    return ColumnProfile(
        cells.name,
        texts.len() / max(cells.len(), 1),
        distinct_count,
        distinct_count == texts.len(),
        best_key if share_by_key[best_key] else None,
        share_by_key[best_key],
        _filled_share(addresses),
        _share_in(lower_texts, company.names),
        _share_in(lower_texts, company.organisation),
        _skill_share(text_frame, company.skills),
        _day_share(texts),
        numbers.len() / texts.len(),
        float(numbers.quantile(MAX_CONTRADICTING_SHARE, "lower") or 0.0),
        float(numbers.quantile(1 - MAX_CONTRADICTING_SHARE, "higher") or 0.0),
        bool((numbers != numbers.floor()).any()),
        float(text_frame.select(pl.col("text").str.len_chars().mean()).item()),
        float(text_frame.select(pl.col("text").str.contains(r"\S\s+\S").mean()).item()),
        _served_systems(texts, company),
        frozenset(lower_texts.unique()) if distinct_count <= 30 else frozenset(),
    )


def _evaluate(text_frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """Return the expression, evaluated for each text of the column `text`."""
    return text_frame.select(expression.alias("value")).to_series()


def _filled_share(values: pl.Series) -> float:
    return 1 - values.null_count() / max(values.len(), 1)


def _share_in(values: pl.Series, allowed_values: set[str]) -> float:
    return (
        float(values.is_in(list(allowed_values)).fill_null(False).sum()) / max(values.len(), 1)
        if allowed_values
        else 0.0
    )


def _numbers(texts: pl.Series) -> pl.Series:
    """Return the numbers, and durations in hours; both decimal signs are read."""
    if not _is_mostly_true(_sample(texts).str.contains(r"\d")):
        return pl.Series("number", [], pl.Float64)
    hours_readings = (
        cast_text(pl.col("text"), Transform("hours", decimal_comma=is_comma), "UTC") for is_comma in (False, True)
    )
    is_day = pl.col("text").str.contains(_DAY_OF_EIGHT_DIGITS)
    number_by_text = (
        texts.unique().to_frame("text").with_columns(pl.when(~is_day).then(pl.coalesce(hours_readings)).alias("number"))
    )
    return texts.to_frame("text").join(number_by_text, on="text").drop_nulls("number")["number"]


def _day_share(texts: pl.Series) -> float:
    """Return the share of days under the order of day and month that reads more of them; plain numbers are none."""
    sample = _sample(texts)
    is_number = sample.str.contains(_PLAIN_NUMBER) & ~sample.str.contains(_DAY_OF_EIGHT_DIGITS)
    date_candidates = sample.filter(~is_number & sample.str.contains(r"\d"))
    if date_candidates.len() < sample.len() / 2:
        return 0.0
    date_frame = date_candidates.to_frame("text")
    transforms = (Transform("datetime", date_order=date_order) for date_order in _DATE_ORDERS)
    day_counts = (
        date_frame.select(cast_text(pl.col("text"), transform, "UTC", date_candidates).count()).item()
        for transform in transforms
    )
    return float(max(day_counts)) / sample.len()


def _sample(texts: pl.Series) -> pl.Series:
    """Return distinct texts from the whole column."""
    return texts.unique(maintain_order=True).gather_every(max(texts.n_unique() // SAMPLE_TEXTS, 1))


def _is_mostly_true(flags: pl.Series) -> bool:
    """Whether at least half of the flags are true."""
    return bool(flags.sum() * 2 >= flags.len())


def lists_accounts(cells: pl.DataFrame, company: CompanyValues) -> bool:
    """Whether a column lists accounts of other exports that lead to nobody."""
    return any(_served_systems(cells[header].drop_nulls(), company) for header in cells.columns)


def _served_systems(texts: pl.Series, company: CompanyValues) -> tuple[str, ...]:
    listed_texts = set(texts)
    return tuple(
        system
        for system, accounts in sorted(company.accounts.items())
        if len(accounts & listed_texts) >= MIN_SERVED_SHARE * max(len(accounts), 1)
    )


def _skill_share(text_frame: pl.DataFrame, skills: set[str]) -> float:
    if not skills:
        return 0.0
    text_parts = text_frame.select(pl.col("text").str.split("|").alias("part")).explode("part")
    return _share_in(_evaluate(text_parts, normalise_name(pl.col("part"))), skills)
