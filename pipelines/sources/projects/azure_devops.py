"""Azure DevOps: work items as the CSV of a query.

Belongs here: the column names and how they map. Which columns there are is chosen in the query.
Does not belong here: commits and builds.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import IS_DONE

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
                # `Name <DOMAIN\\user>` of a server is an account, `Name <mail>` of the cloud an address.
                FieldMap("account_code", ("Assigned To",), extract=r"<([^<>@]+)>\s*$"),
                FieldMap("work_email", ("Assigned To",), extract=r"<([^<>\s]+@[^<>\s]+)>\s*$"),
                FieldMap("project_code", ("Team Project", "Area Path")),
                FieldMap("assignment_code", ("ID",)),
                FieldMap("skill_text", ("Tags",), split=r"\s*;\s*"),
                FieldMap("is_done", ("State",), IS_DONE),
                FieldMap("started_date", ("Start Date", "Activated Date", "Created Date")),
                FieldMap("ended_date", ("Finish Date",)),
                FieldMap("done_at", ("Closed Date", "Resolved Date")),
                FieldMap("planned_hours", ("Original Estimate",)),
                FieldMap("changed_at", ("Changed Date",)),
            ),
        ),
    ),
    notes="A query's export ends at 1,000 rows: split larger queries.",
)
