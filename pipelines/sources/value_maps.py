"""Words and units that several systems share: employment, done work, seconds, per cent, labels with codes.

Belongs here: a transform or pattern that two or more systems' files need.
Does not belong here: words of one system alone.
"""

from pipelines.sources.declaration import Transform

EMPLOYMENT_STATUS = Transform(
    "word",
    values=dict.fromkeys(
        (
            "active",
            "a",
            "t",
            "true",
            "1",
            "yes",
            "employed",
            "full-time",
            "full time",
            "part-time",
            "part time",
            "contractor",
            "intern",
            "onboarding",
            "hired",
            "notice period",
            "active_external_suite",
        ),
        "active",
    )
    | dict.fromkeys(
        ("on leave", "leave", "leave of absence", "furloughed", "paid leave", "unpaid leave", "parental leave"), "leave"
    )
    | dict.fromkeys(
        (
            "inactive",
            "i",
            "f",
            "false",
            "0",
            "no",
            "terminated",
            "resigned",
            "left",
            "retired",
            "tobedeleted",
            "garden leave",
            "inactive_external_suite",
            "suspended",
        ),
        "left",
    ),
)

# Work that is finished, in the state names of issue trackers; every other state is not.
DONE = Transform(
    "boolean",
    values=dict.fromkeys(("done", "closed", "resolved", "fixed", "complete", "completed"), "true"),
    otherwise="false",
)

SECONDS = Transform("hours", unit="seconds")
MINUTES = Transform("hours", unit="minutes")
PERCENT = Transform("score", scale=(0, 100))
DIGEST = Transform("digest")

# `Label(code)`: the label where a bracket without a blank before it ends the cell, else the whole cell.
LABEL = r"^\s*(.*?\S)(?:\([^\s()]+\))?\s*$"
# What stands around and between the texts of a list in one cell: ["sql","dbt"].
LISTED = r'^\s*\[\s*"?|"\s*,\s*"|"?\s*\]\s*$'
# The address in `Name <mail>`, `mailto:mail` or a bare mail.
MAIL = r"([^\s<>:@|,;]+@[^\s<>@|,;]+)"
