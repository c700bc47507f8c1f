"""GitHub: issues, pull requests with their reviews, and reviews alone, as JSON of the REST API, of GraphQL and of `gh`.

Belongs here: the members of the three forms and how they map. Work on a pull request is its author's, on an issue its
assignees'. A review is feedback to the author and teaching by the reviewer; comments are not counted, as authors answer
by comments too. A label names a skill; without one, the repository does.
Does not belong here: commits, and what people write in titles and comments.

Source: docs.github.com, REST 2022-11-28 (issues, pulls, reviews) and GraphQL PullRequest; cli.github.com, `gh pr list
--json`.
"""

from pipelines.sources.declaration import ANY_TEXT, Adapter, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.value_maps import SHARE, change_notice
from pipelines.sources.vocabularies.issue_states import GITHUB_STATES
from pipelines.sources.vocabularies.vocabulary import as_transform

# The end of an address of the interface or of the API: owner and repository.
REPOSITORY_PATTERN = r"^(?:https?://[^/]+/(?:api/v3/)?(?:repos/)?)?([^/]+/[^/]+?)(?:/(?:issues|pulls?)/\d+)?/?$"
REPOSITORY_NAME_PATTERN = r"([^/]+?)(?:/(?:issues|pulls?)/\d+)?/?$"
AUTHOR_HEADERS = ("user.login", "author.login")
LABEL_HEADERS = ("labels[*].name", "labels.nodes[*].name")
REPOSITORY_HEADERS = ("base.repo.full_name", "repository.nameWithOwner", "repository_url", "html_url", "url")
MERGED_HEADERS, CHANGED_HEADERS = ("merged_at", "mergedAt"), ("updated_at", "updatedAt")
# The reason of closing counts before the state, which says closed for work that was given up too.
IS_DONE = as_transform(GITHUB_STATES, "boolean")
NON_PERSON_ACCOUNTS = (
    PassOver("account type", ("user.type",), words=("Bot",)),
    PassOver("account is_bot", ("author.is_bot",), words=("true",)),
    # A deleted account is called ghost by one interface and null by another.
    PassOver("account", AUTHOR_HEADERS, words=("ghost", "")),
)
APPROVING_STATE, REJECTING_STATE = "APPROVED", "CHANGES_REQUESTED"


def _skill_field_maps() -> tuple[FieldMap, ...]:
    return FieldMap("skill_text", LABEL_HEADERS), FieldMap(
        "skill_text", REPOSITORY_HEADERS, extract=REPOSITORY_NAME_PATTERN
    )


def _pull_request_shape(merged_header: str, author_header: str) -> ShapeMap:
    return ShapeMap(
        "assignment",
        (
            FieldMap("record_code", ("id", "url")),
            FieldMap("account_code", AUTHOR_HEADERS),
            FieldMap("project_code", REPOSITORY_HEADERS, extract=REPOSITORY_PATTERN),
            FieldMap("assignment_code", ("html_url", "url")),
            *_skill_field_maps(),
            FieldMap("started_date", ("created_at", "createdAt")),
            FieldMap("done_at", MERGED_HEADERS),
            FieldMap("changed_at", CHANGED_HEADERS),
        ),
        signature=(merged_header, author_header),
        pass_over=NON_PERSON_ACCOUNTS,
    )


def _issue_shape(assignees_header: str) -> ShapeMap:
    return ShapeMap(
        "assignment",
        (
            # One row per person: the address of the issue and the person together.
            FieldMap("record_code", ("url", f"{assignees_header}[*].login"), join="#"),
            FieldMap("account_code", (f"{assignees_header}[*].login",)),
            FieldMap("project_code", REPOSITORY_HEADERS, extract=REPOSITORY_PATTERN),
            FieldMap("assignment_code", ("html_url", "url")),
            *_skill_field_maps(),
            FieldMap("is_done", ("state_reason", "stateReason", "state"), IS_DONE),
            FieldMap("started_date", ("created_at", "createdAt")),
            FieldMap("done_at", ("closed_at", "closedAt")),
            FieldMap("changed_at", CHANGED_HEADERS),
        ),
        signature=("number", assignees_header),
        explode=assignees_header,
        counts_empty=True,
        pass_over=(PassOver("pull request", ("pull_request.url",), words=(ANY_TEXT,)),),
    )


def _review_shape(reviews_header: str) -> ShapeMap:
    state_headers = (f"{reviews_header}[*].state",)
    return ShapeMap(
        "feedback",
        (
            FieldMap("record_code", (f"{reviews_header}[*].id",)),
            FieldMap("account_code", AUTHOR_HEADERS),
            FieldMap("given_by_code", (f"{reviews_header}[*].author.login",)),
            *_skill_field_maps(),
            FieldMap("feedback_kind", constant="peer"),
            FieldMap("score_share", (), SHARE, constant="1", when=Condition(state_headers, (APPROVING_STATE,))),
            FieldMap("score_share", (), SHARE, constant="0", when=Condition(state_headers, (REJECTING_STATE,))),
            FieldMap("occurred_at", (f"{reviews_header}[*].submittedAt",)),
        ),
        signature=(reviews_header, "author.login"),
        explode=reviews_header,
        pass_over=(
            *NON_PERSON_ACCOUNTS,
            PassOver("review", state_headers, other_than=(APPROVING_STATE, REJECTING_STATE)),
        ),
    )


ADAPTER = Adapter(
    system="github",
    title="GitHub issues, pull requests and reviews (JSON)",
    domain="projects",
    formats=("json",),
    records_path=(
        "items",
        "data.repository.issues.nodes",
        "data.repository.pullRequests.nodes",
        "data.search.nodes",
    ),
    signature=("number", "html_url", "user.login", "repository_url"),
    shapes=(
        _pull_request_shape("merged_at", "user.login"),
        _pull_request_shape("mergedAt", "author.login"),
        _issue_shape("assignees"),
        _issue_shape("assignees.nodes"),
        _review_shape("reviews"),
        _review_shape("reviews.nodes"),
        # The list of reviews names the reviewer only; without the author, it shows teaching and no feedback.
        ShapeMap(
            "skill_mention",
            (
                FieldMap("record_code", ("id",)),
                FieldMap("account_code", AUTHOR_HEADERS),
                FieldMap("skill_text", ("pull_request_url",), extract=REPOSITORY_NAME_PATTERN),
                FieldMap("mode", constant="teaching"),
                FieldMap("occurred_at", ("submitted_at",), required=True),
            ),
            signature=("submitted_at", "pull_request_url"),
            pass_over=(
                *NON_PERSON_ACCOUNTS,
                PassOver("review", ("state",), other_than=(APPROVING_STATE, REJECTING_STATE)),
            ),
        ),
    ),
    refused_forms=(change_notice("GitHub", "the list of issues or pull requests", "action", "sender.login"),),
    notes="GitHub gives no e-mail addresses: an account map connects logins to people.",
)
