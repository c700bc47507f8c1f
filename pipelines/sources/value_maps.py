"""What several systems share: employment status, finished work, seconds, percent, labels, notices of changes.

Belongs here: a transform, pattern or form of file that two or more systems need.
Does not belong here: the words of one system alone.
"""

from pipelines.sources.declaration import FileForm, Transform
from pipelines.sources.vocabularies.issue_states import ISSUE_STATES
from pipelines.sources.vocabularies.vocabulary import as_transform

_EMPLOYMENT_WORDS_BY_STATUS = {
    "active": "active, a, t, true, 1, yes, employed, full-time, full time, part-time, part time, contractor, intern, "
    "onboarding, hired, notice period, active_external_suite",
    "leave": "on leave, leave, leave of absence, furloughed, paid leave, unpaid leave, parental leave",
    "left": "inactive, i, f, false, 0, no, terminated, resigned, left, retired, tobedeleted, garden leave, "
    "inactive_external_suite, suspended",
}
EMPLOYMENT_STATUS = Transform(
    "category",
    values={word: status for status, words in _EMPLOYMENT_WORDS_BY_STATUS.items() for word in words.split(", ")},
    source="BambooHR employmentStatus and status; HiBob internal.status; Personio status; SAP SuccessFactors STATUS "
    "(active, inactive, active_external_suite, inactive_external_suite: t, f); Workday Worker_Status",
)

# Finished work, by the state names of issue trackers. A state of a company's own says nothing: then the day decides.
IS_DONE = as_transform(ISSUE_STATES, "boolean")

MILLISECONDS = Transform("hours", unit="milliseconds")
SECONDS = Transform("hours", unit="seconds")
# Issue trackers write 1d for a working day.
WORKING_SECONDS = Transform("hours", unit="seconds", hours_per_day=8.0)
MINUTES = Transform("hours", unit="minutes")
HOURS = Transform("hours", unit="hours")
PERCENT = Transform("score", scale=(0, 100))
# Shares by the definition of the system that writes them.
SHARE = Transform("score", is_share=True)
DIGEST = Transform("digest")

# `Label(code)`: the label if a bracket without a blank before it ends the cell, else the complete cell.
LABEL_WITHOUT_CODE = r"^\s*(.*?\S)(?:\([^\s()]+\))?\s*$"
# The signs around and between the texts of a list in one cell: ["sql","dbt"].
LIST_MARKS = r'^\s*\[\s*"?|"\s*,\s*"|"?\s*\]\s*$'
# The address in `Name <address>`, `mailto:address` or a bare address.
EMAIL_ADDRESS = r"([^\s<>:@|,;]+@[^\s<>@|,;]+)"


def change_notice(system_name: str, export: str, *headers: str) -> FileForm:
    """Return the form of the notices that a system sends when a record changes (webhooks).

    A notice holds what changed and not how the record stands, so nothing of it is read.

    Args:
        system_name: Name of the system as people write it, such as GitLab.
        export: What to export instead.
        headers: Members that, together, only the notices have.
    """
    return FileForm(
        f"is a notice of a change (a {system_name} webhook), not an export: it does not say how the complete record "
        f"stands; take it out of the folder and export {export}",
        headers,
    )
