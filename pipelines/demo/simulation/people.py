"""The people of the demo company: names, roles, units, managers, who joined and who left.

Belongs here: everything that an HR system stores about a person, for the whole company at once.
Does not belong here: what people learn and do, or the format of any export.
"""

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import BoolArray, Catalog, IntArray

_FIRST_NAMES = (
    "Ada Aisha Alma Anders Anika Arjun Astrid Bela Bruno Camila Carlos Chen Clara Dalia Daniel Dmitri Edith "
    "Elif Emeka Emil Esther Farid Fatima Felix Freya Gabriel Greta Hana Hannes Hugo Ida Imran Ines Ivan Jana "
    "Jonas Jun Kaito Kamala Karim Lars Leila Lena Liam Lucia Magnus Mai Marek Maria Mateo Mina Nadia Nils Noor "
    "Olga Omar Paula Pedro Petra Priya Rafael Rania Ravi Rosa Ruben Saga Samir Sara Selma Sofia Sven Tariq "
    "Tessa Thea Tomas Vera Viktor Wei Yara Yusuf Zoe "
)
_LAST_NAMES = (
    "Abara Adler Aguilar Ahlberg Almeida Amari Arslan Bakker Banerjee Barros Becker Bianchi Borg Brandt Castro "
    "Chaudhry Costa Dahl Danso Demir Diaz Dubois Eder Ekman Eriksen Farouk Ferrari Fischer Fontaine Fuchs "
    "Garcia Gupta Haddad Hansen Haugen Hoffmann Horvat Ibrahim Ilic Ito Jansen Jensen Joshi Kaya Keller Khan "
    "Kimura Klein Kovacs Kowalski Kruger Larsen Lehmann Lim Lindqvist Lopez Maier Malik Marino Mensah Meyer "
    "Moreau Mori Mwangi Nakamura Nguyen Novak Nyberg Okafor Olsen Osman Park Patel Pereira Popov Quist Rahman "
    "Ramos Richter Rossi Sahin Santos Sato Schmid Sharma Silva Singh Sorensen Suzuki Tanaka Torres Vargas "
    "Virtanen Vogel Wagner Wong Yamada Zeller Zhou "
)
FIRST_NAMES, LAST_NAMES = _FIRST_NAMES.split(), _LAST_NAMES.split()
# Unit, two-letter project code, division, and the roles of its people, the most frequent first.
UNITS = (
    ("Strategy", "ST", "Advisory", ("Strategy Consultant", "Data Analyst", "Client Partner")),
    ("Operations", "OP", "Advisory", ("Operations Consultant", "Project Manager", "Automation Engineer")),
    ("Finance Advisory", "FA", "Advisory", ("Financial Analyst", "Data Analyst", "Client Partner")),
    ("Data and Automation", "DA", "Technology", ("Data Analyst", "Automation Engineer", "Project Manager")),
    ("Risk and Regulation", "RR", "Assurance", ("Risk Consultant", "Regulatory Adviser", "Project Manager")),
    ("People and Change", "PC", "Advisory", ("Change Consultant", "Operations Consultant", "Client Partner")),
    ("Sustainability", "SU", "Assurance", ("Sustainability Adviser", "Financial Analyst", "Regulatory Adviser")),
    ("Delivery Office", "DO", "Technology", ("Project Manager", "Automation Engineer", "Data Analyst")),
    ("Public Sector", "PS", "Markets", ("Operations Consultant", "Change Consultant", "Regulatory Adviser")),
    ("Energy and Utilities", "EU", "Markets", ("Sustainability Adviser", "Strategy Consultant", "Risk Consultant")),
    ("Health", "HE", "Markets", ("Change Consultant", "Data Analyst", "Project Manager")),
    ("Retail and Consumer", "RC", "Markets", ("Strategy Consultant", "Financial Analyst", "Client Partner")),
)
MIN_UNITS, MAX_UNITS, PEOPLE_PER_UNIT = 6, 12, 40
ROLE_SHARES = (0.6, 0.25, 0.15)
LOCATIONS = ("Rotterdam", "Porto", "Gdansk", "Leeds", "Remote")
REPORTS_PER_MANAGER = 8  # an ordinary span of control
JOINER_SHARE, LEAVER_SHARE = 0.35, 0.15  # over about three years of a growing firm
# With fewer people six units do not have enough colleagues for feedback from several people.
MIN_PEOPLE = 60
DOMAIN = "hollowpine.example"


def generate_people(
    people_count: int, catalog: Catalog, *, seed: int, history_start: int, history_end: int
) -> pl.DataFrame:
    """Draw the people of the company.

    Args:
        people_count: Number of people.
        catalog: The catalogue, for its roles.
        seed: Seed of the company.
        history_start: First day of the history, in days since 1970-01-01.
        history_end: Last day of the history; nobody joins or leaves after it.

    Returns:
        One row per person in the order of employee numbers. `unit_place` 0 heads the unit; the head of the first unit
        heads the company.

    Raises:
        ValueError: If there are fewer than 60 people.
    """
    if people_count < MIN_PEOPLE:
        raise ValueError(f"{people_count} people; the demo company needs at least {MIN_PEOPLE} to fill its units")
    rng = np.random.default_rng([seed, 1])
    hired_days, left_days = generate_tenures(people_count, rng, history_start, history_end)
    unit_count = int(np.clip(people_count // PEOPLE_PER_UNIT, MIN_UNITS, MAX_UNITS))
    unit_numbers = rng.permutation(np.arange(people_count) % unit_count)
    unit_places = place_in_unit(unit_numbers, hired_days, left_days)
    people_by_unit = np.lexsort((unit_places, unit_numbers))  # people by unit and place
    unit_starts = np.searchsorted(unit_numbers[people_by_unit], np.arange(unit_count))
    unit_sizes = np.bincount(unit_numbers, minlength=unit_count)
    chief_number = people_by_unit[unit_starts[0]]
    manager_numbers = np.where(
        unit_places == 0,
        chief_number,
        people_by_unit[unit_starts[unit_numbers] + np.maximum(unit_places - 1, 0) // REPORTS_PER_MANAGER],
    )
    manager_numbers[chief_number] = -1
    leads_others = REPORTS_PER_MANAGER * unit_places + 1 < unit_sizes[unit_numbers]
    return pl.DataFrame(
        {
            "person": np.arange(people_count),
            "role": choose_roles(unit_numbers, unit_places, leads_others, catalog, rng),
            "unit": unit_numbers,
            "unit_place": unit_places,
            "unit_actives": np.bincount(unit_numbers, weights=left_days > history_end, minlength=unit_count).astype(
                np.int64
            )[unit_numbers],
            "manager": manager_numbers,
            "hired_day": hired_days,
            "left_day": left_days,
            "location": rng.integers(0, len(LOCATIONS), people_count),
            "birth_day": history_end - rng.integers(22 * 365, 63 * 365, people_count),
            "pay": rng.integers(3_200_000, 16_000_000, people_count),
            "first": rng.integers(0, len(FIRST_NAMES), people_count),
            "last": rng.integers(0, len(LAST_NAMES), people_count),
        }
    ).pipe(name_people, catalog)


def generate_tenures(
    people_count: int, rng: np.random.Generator, history_start: int, history_end: int
) -> tuple[IntArray, IntArray]:
    """Draw the day hired and the day left of each person; a person who stays has a day left after `history_end`."""
    hired_days = np.where(
        rng.random(people_count) < JOINER_SHARE,
        rng.integers(history_start, history_end - 20, people_count),
        history_start - rng.integers(1, 12 * 365, people_count),
    )
    earliest_leaving_days = np.maximum(hired_days, history_start) + 90
    is_leaver = (rng.random(people_count) < LEAVER_SHARE) & (earliest_leaving_days < history_end - 10)
    left_days = earliest_leaving_days + (
        rng.random(people_count) * np.maximum(history_end - 10 - earliest_leaving_days, 1)
    ).astype(np.int64)
    return hired_days, np.where(is_leaver, left_days, history_end + 1)


def place_in_unit(unit_numbers: IntArray, hired_days: IntArray, left_days: IntArray) -> IntArray:
    """Order the people of each unit: those who stay first, then by seniority, so that few leavers led anyone."""
    people_by_unit = np.lexsort((np.arange(unit_numbers.size), hired_days, left_days < left_days.max(), unit_numbers))
    unit_starts = np.searchsorted(unit_numbers[people_by_unit], np.arange(unit_numbers.max() + 1))
    unit_places = np.empty(unit_numbers.size, dtype=np.int64)
    unit_places[people_by_unit] = np.arange(unit_numbers.size) - unit_starts[unit_numbers[people_by_unit]]
    return unit_places


def choose_roles(
    unit_numbers: IntArray, unit_places: IntArray, leads_others: BoolArray, catalog: Catalog, rng: np.random.Generator
) -> IntArray:
    """Choose roles: unit heads lead a practice, other managers an engagement, the rest by the unit's mix."""
    role_by_unit_and_rank = np.array(
        [[catalog.role_names.index(role_name) for role_name in role_names] for *_, role_names in UNITS], dtype=np.int64
    )
    role_numbers: IntArray = role_by_unit_and_rank[
        unit_numbers, rng.choice(len(ROLE_SHARES), unit_numbers.size, p=ROLE_SHARES)
    ]
    role_numbers = np.where(leads_others, catalog.role_names.index("Engagement Manager"), role_numbers)
    return np.where(unit_places == 0, catalog.role_names.index("Practice Lead"), role_numbers)


def name_people(people: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Add names, a unique account and work e-mail, the names of role and unit, and the employee number."""
    unit_names, divisions = (
        pl.Series([unit_fields[field_index] for unit_fields in UNITS]).gather(people["unit"]) for field_index in (0, 2)
    )
    namesake_rank = pl.int_range(pl.len()).over("first", "last")
    account_suffix = pl.when(namesake_rank == 0).then(pl.lit("")).otherwise((namesake_rank + 1).cast(pl.String))
    account_code = pl.format(
        "{}.{}{}",
        *(pl.col(name_column).str.to_lowercase() for name_column in ("first_name", "last_name")),
        account_suffix,
    )
    return (
        people.with_columns(
            (100001 + pl.col("person")).cast(pl.String).alias("employee_number"),
            pl.Series(FIRST_NAMES).gather(people["first"]).alias("first_name"),
            pl.Series(LAST_NAMES).gather(people["last"]).alias("last_name"),
            pl.Series(catalog.role_names).gather(people["role"]).alias("role_name"),
            unit_names.alias("unit_name"),
            divisions.alias("division"),
            pl.Series(LOCATIONS).gather(people["location"]).alias("location"),
        )
        .with_columns(account_code.alias("account_code"))
        .with_columns((pl.col("account_code") + f"@{DOMAIN}").alias("work_email"))
        .drop("first", "last")
    )
