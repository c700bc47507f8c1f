"""Columns that are never read, by class: pay, birth, health, origin, government ids, secrets, private life.

Belongs here: the classes, and the words in a column's name that put it into a class.
Does not belong here: leaving such a column out (`adapter`), refusing a mapping that names one (`mapping`).
"""

import re

# Words, or runs of words, of a column's name that is split at capitals and signs. One of them makes it sensitive.
SENSITIVE_WORDS = {
    "pay": "salary, wage, wages, pay, payrate, paytype, payroll, payment, compensation, bonus, stock options, iban, "
    "bic, bank, bank account, account holder, flsa, flsa code, exempt, overtime status, billable rate, "
    "billable amount, hourly rate, cost rate, cost amount, bill rate, rate in cents, gehalt, lohn, pension, "
    "retirement, remuneration, remunerations, compensations, garnishments, jobs rate",
    "birth": "birth, birthday, birthdate, dob, date of birth, place of birth, age, geburtsdatum",
    "health": "health, medical, disability, disabled, sick, sickness, illness, pregnancy, maternity, leave reason, "
    "leave type, sabbatical, handicap, tobacco, smoker, blood",
    "origin": "ethnicity, ethnic, race, eeo, nationality, citizenship, religion, religious, denomination, veteran, "
    "military, sexual orientation, gender, sex, pronouns, trade union, union member, political",
    "state_id": "ssn, sin, nin, national id, national identifier, social security, social insurance, passport, visa, "
    "tax id, tax, tax number, driver license, drivers license, license number, personal id number, "
    "personal identification number, government id, government i ds",
    "secret": "password, passwd, secret, token, api key",
    "home": "marital, marital status, home email, home phone, home address, personal email, private email, "
    "emergency contact, spouse, dependents, children, address1, address2, address line1, address line2, legal address, "
    "present address, permanent address, address alternate, other email, person communication, street, zipcode, "
    "postal code, post code",
}

_CLASSES = {phrase: class_name for class_name, phrases in SENSITIVE_WORDS.items() for phrase in phrases.split(", ")}
_MAX_PHRASE_WORDS = max(len(phrase.split()) for phrase in _CLASSES)


def sensitive_class(header: str) -> str | None:
    """Return the class for which a column of this name is never read, or None if it may be read."""
    # A name is split at capitals and signs: `dateOfBirth` and `Date_of_birth` give the same three words.
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)
    words = re.findall(r"[a-z0-9]+", spaced.lower())
    for length in range(_MAX_PHRASE_WORDS, 0, -1):
        for start in range(len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            if phrase in _CLASSES:
                return _CLASSES[phrase]
    return None
