"""Odoo: employees' skills (`hr.employee.skill` and its log), as exported lists and as JSON records.

Belongs here: the technical names, the labels, and how they map. Odoo does not record who set a level, so it counts as
the least trusted assessment, that of the person; a company that knows better maps feedback_kind to a constant.
Does not belong here: Odoo's time sheets.
"""

from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap
from pipelines.sources.value_maps import DIGEST, PERCENT

# In JSON a related record is a list of its id and its name.
EMPLOYEE_HEADERS = ("$.employee_id[0]", "employee_id/id", "employee_id", "Employee/ID", "Employee")
SKILL_HEADERS = ("$.skill_id[1]", "skill_id/name", "Skill/Name", "Skill", "skill_id")
DATE_HEADERS = ("date", "Date", "write_date", "Last Updated on", "create_date", "Created on")

ADAPTER = Adapter(
    system="odoo",
    title="Odoo employee skills (CSV, JSON)",
    domain="hr",
    formats=("csv", "json"),
    records_path=("result", "records"),
    signature=("employee_id", "skill_id", "skill_level_id", "level_progress"),
    shapes=(
        ShapeMap(
            "feedback",
            (
                FieldMap("record_code", ("id", "ID")),
                # One level per employee and skill: a later level replaces the earlier one.
                FieldMap("record_code", (*EMPLOYEE_HEADERS, *SKILL_HEADERS), DIGEST, join="|"),
                FieldMap("account_code", EMPLOYEE_HEADERS),
                FieldMap(
                    "employee_number", ("employee_id/employee_number", "employee_id/barcode", "Employee/Badge ID")
                ),
                FieldMap("work_email", ("employee_id/work_email", "Employee/Work Email")),
                FieldMap("skill_text", SKILL_HEADERS),
                FieldMap("feedback_kind", constant="self"),
                FieldMap("score_share", ("level_progress", "Progress", "skill_level_id/level_progress"), PERCENT),
                FieldMap("occurred_at", DATE_HEADERS, required=True),
                FieldMap("changed_at", ("write_date", "Last Updated on")),
            ),
        ),
    ),
)
