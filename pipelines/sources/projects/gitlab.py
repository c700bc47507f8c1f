"""GitLab: issues and merge requests as JSON of the REST API and of GraphQL, and as CSV sent by the interface.

Belongs here: the members and columns of the three forms and how they map. Work on a merge request is its author's, on
an issue its assignees'. An approval is feedback to the author and teaching by the approver; GraphQL and the CSV name
the approvers, and the day of the merge or last change stands for theirs. A label names a skill; without one, the
project does.
Does not belong here: time spent per issue, which has no day; commits; what people write.

Source: docs.gitlab.com 17: Issues API, Merge requests API, GraphQL MergeRequest, "Export issues to CSV", "Export merge
requests to CSV" (its columns: gitlab-org/gitlab#3619).
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import DIGEST, SECONDS, SHARE, change_notice
from pipelines.sources.vocabularies.issue_states import GITLAB_ISSUE_STATES, GITLAB_MERGE_REQUEST_STATES
from pipelines.sources.vocabularies.vocabulary import as_transform

IS_CLOSED, IS_MERGED = (
    as_transform(states, "boolean") for states in (GITLAB_ISSUE_STATES, GITLAB_MERGE_REQUEST_STATES)
)
# An issue that was moved, or closed as a duplicate, is not finished work of its own.
IS_CONTINUED_ELSEWHERE = Condition(("moved_to_id", "_links.closed_as_duplicate_of"), (ANY_TEXT,))
AUTHOR_HEADERS = ("author.username", "Author Username")
ADDRESS_HEADERS = ("web_url", "webUrl", "URL")
PROJECT_PATTERN = r"^https?://[^/]+/(.+?)/-/"
PROJECT_NAME_PATTERN = r"([^/]+)/-/"
CREATED_HEADERS, CHANGED_HEADERS = (
    ("created_at", "createdAt", "Created At (UTC)"),
    ("updated_at", "updatedAt", "Updated At (UTC)"),
)
SKILL_FIELD_MAPS = (
    FieldMap("skill_text", ("labels[*].name", "labels.nodes[*].title", "labels[*]")),
    FieldMap("skill_text", ("Labels",), split=r"\s*,\s*"),
    FieldMap("skill_text", ADDRESS_HEADERS, extract=PROJECT_NAME_PATTERN),
)
DELETED_ACCOUNTS = (PassOver("account", AUTHOR_HEADERS, words=("ghost", "")),)


def _merge_request_shape(*signature: str) -> ShapeMap:
    return ShapeMap(
        "assignment",
        (
            FieldMap("record_code", ADDRESS_HEADERS, required=True),
            FieldMap("account_code", AUTHOR_HEADERS, required=True),
            FieldMap("project_code", ADDRESS_HEADERS, extract=PROJECT_PATTERN),
            FieldMap("assignment_code", ADDRESS_HEADERS),
            *SKILL_FIELD_MAPS,
            FieldMap("is_done", ("state", "State"), IS_MERGED),
            FieldMap("started_date", CREATED_HEADERS),
            FieldMap("done_at", ("merged_at", "mergedAt")),
            # The CSV has no day of the merge.
            FieldMap("done_at", ("Updated At (UTC)",), when=Condition("is_done", ("merged",))),
            FieldMap("changed_at", CHANGED_HEADERS),
        ),
        signature=signature,
        pass_over=DELETED_ACCOUNTS,
    )


def _approval_shape(approvers_header: str, person_header: str) -> ShapeMap:
    return ShapeMap(
        "feedback",
        (
            FieldMap("record_code", (*ADDRESS_HEADERS, person_header), DIGEST, join="|"),
            FieldMap("account_code", AUTHOR_HEADERS, required=True),
            FieldMap("given_by_code", (person_header,)),
            *SKILL_FIELD_MAPS,
            FieldMap("feedback_kind", constant="peer"),
            FieldMap("score_share", (), SHARE, constant="1"),
            FieldMap("occurred_at", ("mergedAt", "updatedAt", "Updated At (UTC)")),
            FieldMap("changed_at", CHANGED_HEADERS),
        ),
        signature=(approvers_header,),
        explode=approvers_header,
        explode_separator=r"\s*,\s*",
        pass_over=DELETED_ACCOUNTS,
    )


def _issue_shape(assignees_header: str, person_header: str, *signature: str) -> ShapeMap:
    return ShapeMap(
        "assignment",
        (
            FieldMap("record_code", (*ADDRESS_HEADERS, person_header), join="#", required=True),
            FieldMap("account_code", (person_header,)),
            FieldMap("project_code", ADDRESS_HEADERS, extract=PROJECT_PATTERN),
            FieldMap("assignment_code", ADDRESS_HEADERS),
            *SKILL_FIELD_MAPS,
            FieldMap("is_done", constant="false", when=IS_CONTINUED_ELSEWHERE),
            FieldMap("is_done", ("state", "State"), IS_CLOSED),
            FieldMap("started_date", ("start_date", *CREATED_HEADERS)),
            FieldMap("done_at", ("closed_at", "closedAt", "Closed At (UTC)")),
            FieldMap("planned_hours", ("time_stats.time_estimate", "Time Estimate"), SECONDS),
            FieldMap("changed_at", CHANGED_HEADERS),
        ),
        signature=signature,
        explode=assignees_header,
        explode_separator=r"\s*,\s*",
        counts_empty=True,
    )


ADAPTER = Adapter(
    system="gitlab",
    title="GitLab issues and merge requests (JSON, CSV)",
    domain="projects",
    formats=("json", "csv"),
    records_path=(
        "data.project.issues.nodes",
        "data.project.mergeRequests.nodes",
        "data.group.mergeRequests.nodes",
    ),
    signature=("iid", "web_url", "author.username", "references.full"),
    shapes=(
        _merge_request_shape("merged_at", "iid"),
        _merge_request_shape("mergedAt", "iid"),
        _merge_request_shape("MR IID", "Author Username"),
        _issue_shape("assignees", "assignees[*].username", "iid", "assignees"),
        _issue_shape("assignees.nodes", "assignees.nodes[*].username", "iid", "assignees.nodes"),
        _issue_shape("Assignee Username", "Assignee Username", "Issue ID", "Assignee Username"),
        _approval_shape("approvedBy.nodes", "approvedBy.nodes[*].username"),
        _approval_shape("Approver Usernames", "Approver Usernames"),
    ),
    refused_forms=(
        change_notice("GitLab", "the list of issues or merge requests", "object_kind", "object_attributes.id"),
    ),
    notes="GitLab gives no e-mail addresses: an account map connects user names to people.",
)
