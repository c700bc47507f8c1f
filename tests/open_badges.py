"""The form of an unsigned Open Badges 3.0 credential, limited to the parts that a draft uses.

Written from the public data model (1EdTech, Open Badges 3.0, sections AchievementCredential, AchievementSubject,
Achievement, Criteria, Evidence, Profile): which members are required, of what type, which values are fixed, and which
classes take no further member. The published schema file is under 1EdTech's own licence and is not copied here.
"""

from typing import Any

from jsonschema import Draft201909Validator

_URI = {"type": "string", "pattern": r"^[a-zA-Z][a-zA-Z0-9+.-]*:.+"}
_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"}


def _types(*required: str) -> dict[str, Any]:
    """The schema of a list that contains each of these types."""
    return {
        "type": "array",
        "minItems": 1,
        "items": _TEXT,
        "allOf": [{"contains": {"const": name}} for name in required],
    }


_CRITERIA = {"type": "object", "properties": {"id": _URI, "narrative": _TEXT}, "additionalProperties": False}
_ACHIEVEMENT = {
    "type": "object",
    "required": ["id", "type", "criteria", "description", "name"],
    "properties": {
        "id": _URI,
        "type": _types("Achievement"),
        "achievementType": {
            "anyOf": [
                {"enum": ["Achievement", "Award", "Badge", "Certificate", "Competency", "Course", "MicroCredential"]},
                {"type": "string", "pattern": "^ext:[A-Za-z0-9._-]+$"},
            ]
        },
        "criteria": _CRITERIA,
        "description": _TEXT,
        "name": _TEXT,
    },
}
_SUBJECT = {
    "type": "object",
    "required": ["type", "achievement", "id"],  # an id, or an identifier: a draft has the id
    "properties": {"id": _URI, "type": _types("AchievementSubject"), "achievement": _ACHIEVEMENT},
    "additionalProperties": False,
}
_PROFILE = {
    "type": "object",
    "required": ["id", "type"],
    "properties": {"id": _URI, "type": _types("Profile"), "name": _TEXT},
}
_EVIDENCE = {
    "type": "object",
    "required": ["type"],
    "properties": {"id": _URI, "type": _types("Evidence"), "narrative": _TEXT, "name": _TEXT, "description": _TEXT},
}
CREDENTIAL = {
    "$schema": "https://json-schema.org/draft/2019-09/schema",
    "type": "object",
    "required": ["@context", "id", "type", "credentialSubject", "issuer", "validFrom"],
    "properties": {
        "@context": {
            "type": "array",
            "minItems": 2,
            "items": [
                {"const": "https://www.w3.org/ns/credentials/v2"},
                {"type": "string", "pattern": r"^https://purl\.imsglobal\.org/spec/ob/v3p0/context-3\.0\.\d+\.json$"},
            ],
        },
        "id": _URI,
        "type": {
            **_types("VerifiableCredential"),
            "contains": {"enum": ["AchievementCredential", "OpenBadgeCredential"]},
        },
        "name": _TEXT,
        "issuer": {"anyOf": [_URI, _PROFILE]},
        "validFrom": _MOMENT,
        "credentialSubject": _SUBJECT,
        "evidence": {"type": "array", "items": _EVIDENCE},
    },
}
Draft201909Validator.check_schema(CREDENTIAL)


def problems_of(badge: Any) -> list[str]:
    """Return one sentence per error in the form of the badge; empty if it is valid."""
    return [f"{error.json_path}: {error.message}" for error in Draft201909Validator(CREDENTIAL).iter_errors(badge)]
