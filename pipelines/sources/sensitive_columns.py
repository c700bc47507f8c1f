"""Columns that are never read, by class: pay, birth, health, origin, ids of the state, secrets, home life.

Belongs here: the classes, and the words in a column's name that put it into one.
Does not belong here: what happens to such a column (`adapter` leaves it out, also where a mapping asks for it).
"""

import re

# Whole words or runs of words of a name that was split at capitals and signs. A name is denied when it holds one.
SENSITIVE_WORDS: dict[str, tuple[str, ...]] = {
    "pay": (
        "salary",
        "wage",
        "wages",
        "pay",
        "payrate",
        "paytype",
        "payroll",
        "payment",
        "compensation",
        "bonus",
        "stock options",
        "iban",
        "bic",
        "bank",
        "bank account",
        "account holder",
        "flsa",
        "flsa code",
        "exempt",
        "overtime status",
        "billable rate",
        "billable amount",
        "hourly rate",
        "cost rate",
        "cost amount",
        "bill rate",
        "rate in cents",
        "gehalt",
        "lohn",
        "pension",
        "retirement",
    ),
    "birth": (
        "birth",
        "birthday",
        "birthdate",
        "dob",
        "date of birth",
        "place of birth",
        "age",
        "geburtsdatum",
    ),
    "health": (
        "health",
        "medical",
        "disability",
        "disabled",
        "sick",
        "sickness",
        "illness",
        "pregnancy",
        "maternity",
        "leave reason",
        "leave type",
        "sabbatical",
        "handicap",
    ),
    "origin": (
        "ethnicity",
        "ethnic",
        "race",
        "eeo",
        "nationality",
        "citizenship",
        "religion",
        "religious",
        "denomination",
        "veteran",
        "sexual orientation",
        "gender",
        "sex",
        "pronouns",
        "trade union",
        "union member",
        "political",
    ),
    "state_id": (
        "ssn",
        "sin",
        "nin",
        "national id",
        "national identifier",
        "social security",
        "social insurance",
        "passport",
        "visa",
        "tax id",
        "tax",
        "tax number",
        "driver license",
        "drivers license",
        "personal id number",
    ),
    "secret": (
        "password",
        "passwd",
        "secret",
        "token",
        "api key",
    ),
    "home": (
        "marital",
        "marital status",
        "home email",
        "home phone",
        "home address",
        "personal email",
        "private email",
        "emergency contact",
        "spouse",
        "dependents",
        "children",
        "address1",
        "address2",
        "street",
        "zipcode",
        "postal code",
    ),
}

_WORDS = {word: name for name, words in SENSITIVE_WORDS.items() for word in words}
_LONGEST = max(len(word.split()) for word in _WORDS)


def split_words(name: str) -> list[str]:
    """The words of a column's name in lower case: `dateOfBirth` and `Date_of_birth` are the same three."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def sensitive_class(name: str) -> str | None:
    """The class for which a column of this name is never read, or None."""
    words = split_words(name)
    for length in range(_LONGEST, 0, -1):
        for start in range(len(words) - length + 1):
            if found := _WORDS.get(" ".join(words[start : start + length])):
                return found
    return None
