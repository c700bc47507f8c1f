"""Azure DevOps: work items as the CSV of a query.

Belongs here: the column names and how they map. The query chooses the columns.
Does not belong here: commits and builds.
"""

from pipelines.sources.declaration import KNOWN_WORDS, Adapter, Condition, FieldMap, ShapeMap
from pipelines.sources.value_maps import HOURS, IS_DONE
from pipelines.sources.vocabularies.issue_states import AZURE_REASONS, filled_means_done
from pipelines.sources.vocabularies.vocabulary import as_transform

CLOSING_DAY_HEADERS = ("Closed Date", "Resolved Date")

ADAPTER = Adapter(
    system="azure_devops",
    title="Azure DevOps query (CSV)",
    domain="projects",
    formats=("csv",),
    signature=("ID", "Work Item Type", "Title", "Assigned To", "State"),
    shapes=(
        ShapeMap(
            "assignment",
            (
                FieldMap("record_code", ("ID",), required=True),
                # A server writes an account, `Name <DOMAIN\\user>`; the cloud writes an address, `Name <mail>`.
                FieldMap("account_code", ("Assigned To",), extract=r"<([^<>@]+)>\s*$"),
                FieldMap("work_email", ("Assigned To",), extract=r"<([^<>\s]+@[^<>\s]+)>\s*$"),
                FieldMap("project_code", ("Team Project", "Area Path")),
                FieldMap("assignment_code", ("ID",)),
                FieldMap("skill_text", ("Tags",), split=r"\s*;\s*"),
                # The reason of a state is always filled; only some reasons say that nothing was made.
                FieldMap(
                    "is_done",
                    ("Reason",),
                    as_transform(AZURE_REASONS, "boolean"),
                    when=Condition(("Reason",), (KNOWN_WORDS,)),
                ),
                FieldMap("is_done", ("State",), IS_DONE, when=Condition(("State",), (KNOWN_WORDS,))),
                # A state of the company's own says nothing; the day on which the work was closed does.
                FieldMap("is_done", CLOSING_DAY_HEADERS, filled_means_done(*CLOSING_DAY_HEADERS), value_is_header=True),
                FieldMap("is_done", ("State",), IS_DONE),
                FieldMap("started_date", ("Start Date", "Activated Date", "Created Date")),
                FieldMap("ended_date", ("Finish Date",)),
                FieldMap("done_at", CLOSING_DAY_HEADERS),
                FieldMap("planned_hours", ("Original Estimate",), HOURS),
                FieldMap("changed_at", ("Changed Date",)),
            ),
        ),
    ),
    notes="The export of a query ends at 1,000 rows: split larger queries.",
)
