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


def generate_people(people: int, catalog: Catalog, *, seed: int, start: int, end: int) -> pl.DataFrame:
    """Draw the people of the company.

    Args:
        people: Number of people.
        catalog: The catalogue, for its roles.
        seed: Seed of the company.
        start: First day of the history, in days since 1970-01-01.
        end: Last day of the history; nobody joins or leaves after it.

    Returns:
        One row per person in the order of employee numbers. `unit_place` 0 heads the unit; the head of the first unit
        heads the company.

    Raises:
        ValueError: If there are fewer than 60 people.
    """
    if people < MIN_PEOPLE:
        raise ValueError(f"{people} people; the demo company needs at least {MIN_PEOPLE} to fill its units")
    rng = np.random.default_rng([seed, 1])
    hired, left = generate_tenures(people, rng, start, end)
    units = int(np.clip(people // PEOPLE_PER_UNIT, MIN_UNITS, MAX_UNITS))
    unit = rng.permutation(np.arange(people) % units)
    place = place_in_unit(unit, hired, left)
    order = np.lexsort((place, unit))  # people by unit and place
    unit_start = np.searchsorted(unit[order], np.arange(units))
    sizes = np.bincount(unit, minlength=units)
    chief = order[unit_start[0]]
    manager = np.where(place == 0, chief, order[unit_start[unit] + np.maximum(place - 1, 0) // REPORTS_PER_MANAGER])
    manager[chief] = -1
    leads_others = REPORTS_PER_MANAGER * place + 1 < sizes[unit]
    return pl.DataFrame(
        {
            "person": np.arange(people),
            "role": choose_roles(unit, place, leads_others, catalog, rng),
            "unit": unit,
            "unit_place": place,
            "unit_actives": np.bincount(unit, weights=left > end, minlength=units).astype(np.int64)[unit],
            "manager": manager,
            "hired_day": hired,
            "left_day": left,
            "location": rng.integers(0, len(LOCATIONS), people),
            "birth_day": end - rng.integers(22 * 365, 63 * 365, people),
            "pay": rng.integers(3_200_000, 16_000_000, people),
            "first": rng.integers(0, len(FIRST_NAMES), people),
            "last": rng.integers(0, len(LAST_NAMES), people),
        }
    ).pipe(name_people, catalog)


def generate_tenures(people: int, rng: np.random.Generator, start: int, end: int) -> tuple[IntArray, IntArray]:
    """Draw the day hired and the day left of each person; a person who stays has a day left after `end`."""
    hired = np.where(
        rng.random(people) < JOINER_SHARE,
        rng.integers(start, end - 20, people),
        start - rng.integers(1, 12 * 365, people),
    )
    earliest_leaving_day = np.maximum(hired, start) + 90
    leaves = (rng.random(people) < LEAVER_SHARE) & (earliest_leaving_day < end - 10)
    left = earliest_leaving_day + (rng.random(people) * np.maximum(end - 10 - earliest_leaving_day, 1)).astype(np.int64)
    return hired, np.where(leaves, left, end + 1)


def place_in_unit(unit: IntArray, hired: IntArray, left: IntArray) -> IntArray:
    """Order the people of each unit: those who stay first, then by seniority, so that few leavers led anyone."""
    order = np.lexsort((np.arange(unit.size), hired, left < left.max(), unit))
    starts = np.searchsorted(unit[order], np.arange(unit.max() + 1))
    place = np.empty(unit.size, dtype=np.int64)
    place[order] = np.arange(unit.size) - starts[unit[order]]
    return place


def choose_roles(
    unit: IntArray, place: IntArray, leads_others: BoolArray, catalog: Catalog, rng: np.random.Generator
) -> IntArray:
    """Choose roles: unit heads lead a practice, other managers an engagement, the rest by the unit's mix."""
    mix = np.array([[catalog.role_names.index(name) for name in names] for *_, names in UNITS], dtype=np.int64)
    role: IntArray = mix[unit, rng.choice(len(ROLE_SHARES), unit.size, p=ROLE_SHARES)]
    role = np.where(leads_others, catalog.role_names.index("Engagement Manager"), role)
    return np.where(place == 0, catalog.role_names.index("Practice Lead"), role)


def name_people(frame: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Add names, a unique account and work e-mail, the names of role and unit, and the employee number."""
    unit_names, divisions = (pl.Series([unit[i] for unit in UNITS]).gather(frame["unit"]) for i in (0, 2))
    same_name = pl.int_range(pl.len()).over("first", "last")
    suffix = pl.when(same_name == 0).then(pl.lit("")).otherwise((same_name + 1).cast(pl.String))
    account = pl.format("{}.{}{}", *(pl.col(name).str.to_lowercase() for name in ("first_name", "last_name")), suffix)
    return (
        frame.with_columns(
            (100001 + pl.col("person")).cast(pl.String).alias("employee_number"),
            pl.Series(FIRST_NAMES).gather(frame["first"]).alias("first_name"),
            pl.Series(LAST_NAMES).gather(frame["last"]).alias("last_name"),
            pl.Series(catalog.role_names).gather(frame["role"]).alias("role_name"),
            unit_names.alias("unit_name"),
            divisions.alias("division"),
            pl.Series(LOCATIONS).gather(frame["location"]).alias("location"),
        )
        .with_columns(account.alias("account_code"))
        .with_columns((pl.col("account_code") + f"@{DOMAIN}").alias("work_email"))
        .drop("first", "last")
    )
