"""States and resolutions of issue trackers: whether the work on an issue is finished.

Belongs here: the words of each tracker by its documentation. A company makes states of its own; those are unknown here,
and then the day on which an issue was resolved decides.
Does not belong here: columns of the trackers (`projects`).
"""

from pipelines.sources.casts.transform import Transform
from pipelines.sources.vocabularies.vocabulary import Vocabulary, merge_vocabularies

_DONE, _NOT_DONE = "true", "false"


def _declare_vocabulary(citation: str, done_words: str, open_words: str, is_partial: bool = False) -> Vocabulary:
    """Return a vocabulary from words separated by commas."""
    meaning_by_word = dict.fromkeys(done_words.split(", "), _DONE) | dict.fromkeys(open_words.split(", "), _NOT_DONE)
    return Vocabulary(
        citation, {word: meaning for word, meaning in meaning_by_word.items() if word}, is_partial=is_partial
    )


# An issue that is closed because nobody will work on it, or because another issue holds the work, is not finished work.
CLOSED_WITHOUT_WORK = (
    "won't do, won’t do, wont do, won't fix, won’t fix, wontfix, duplicate, cannot reproduce, can't reproduce, "
    "not reproducible, incomplete, declined, rejected, invalid, not a bug, as designed, works as designed, by design, "
    "abandoned, obsolete, cancelled, canceled, withdrawn, deferred, later, removed"
)
JIRA_RESOLUTIONS = _declare_vocabulary(
    "Atlassian, Jira Cloud: What are issue statuses, priorities, and resolutions; defaults of Jira 6",
    "done, fixed, complete, completed, implemented, resolved, delivered, released, workaround",
    f"{CLOSED_WITHOUT_WORK}, unresolved, known error, hardware failure, software failure",
)
JIRA_STATUSES = _declare_vocabulary(
    "Atlassian, Jira Cloud: status categories (To Do, In Progress, Done) and default statuses",
    "done, closed, resolved, fixed, complete, completed",
    f"{CLOSED_WITHOUT_WORK}, to do, in progress, open, reopened, backlog, selected for development, in review, "
    "under review, new, indeterminate, blocked, waiting for support, waiting for customer, pending",
)
AZURE_STATES = _declare_vocabulary(
    "Microsoft, Azure Boards: How workflow states and state categories are used (processes Basic, Agile, Scrum, CMMI)",
    "done, closed, resolved, completed",
    "new, active, to do, doing, in progress, approved, committed, proposed, open, design, ready, inactive, removed, "
    "cut, requested, accepted, in planning",
)
# The reason stands beside every state; only those that say that nothing was made are read.
AZURE_REASONS = _declare_vocabulary(
    "Microsoft, Azure Boards: Agile, Scrum and CMMI process, reasons of the states Closed, Done, Resolved, Removed",
    "",
    "duplicate, as designed, cannot reproduce, obsolete, abandoned, cut, deferred, rejected, out of scope, "
    "removed from the backlog, copied to backlog, not fixed, overtaken by events, won't fix",
    is_partial=True,
)
GITHUB_STATES = _declare_vocabulary(
    "GitHub REST API 2022-11-28, issues: state, state_reason (completed, not_planned, duplicate, reopened)",
    "closed, completed",
    "open, reopened, not_planned, duplicate",
)
GITLAB_ISSUE_STATES = _declare_vocabulary(
    "GitLab REST API v4 and CSV, issues: state", "closed", "opened, open, reopened, locked"
)
GITLAB_MERGE_REQUEST_STATES = _declare_vocabulary(
    "GitLab REST API v4 and CSV, merge requests: state", "merged", "opened, open, closed, locked"
)
REDMINE_STATUSES = _declare_vocabulary(
    "Redmine, config/locales/en.yml and de.yml: default_issue_status",
    "resolved, closed, gelöst, erledigt",
    "new, in progress, feedback, rejected, neu, in bearbeitung, abgewiesen",
)
LINEAR_STATE_TYPES = _declare_vocabulary(
    "Linear GraphQL schema, WorkflowState.type", "completed", "triage, backlog, unstarted, started, canceled, duplicate"
)

ISSUE_STATES = merge_vocabularies(JIRA_STATUSES, AZURE_STATES)


def filled_means_done(*headers: str) -> Transform:
    """Return the transform of a day of completion that proves finished work by being filled (`value_is_header`)."""
    return Transform("boolean", values=dict.fromkeys(headers, _DONE), source="the day on which the work was finished")
