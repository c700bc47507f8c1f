"""What a verb or status proves: every table names its specification, and no word of it has two meanings."""

import pytest

from pipelines.sources.vocabularies.issue_states import (
    AZURE_REASONS,
    AZURE_STATES,
    CLOSED_WITHOUT_WORK,
    GITHUB_STATES,
    JIRA_RESOLUTIONS,
    JIRA_STATUSES,
)
from pipelines.sources.vocabularies.vocabulary import Vocabulary, as_transform, merge_vocabularies
from pipelines.sources.vocabularies.xapi_activity_types import XAPI_ACTIVITY_TYPES
from pipelines.sources.vocabularies.xapi_verbs import CMI5_VERBS, XAPI_VERBS

SATISFIED = "https://w3id.org/xapi/adl/verbs/satisfied"


def test_a_vocabulary_without_a_source_or_with_two_meanings_of_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="specification"):
        Vocabulary(" ", {"a": "passed"})
    with pytest.raises(ValueError, match="prove something and nothing"):
        Vocabulary("x", {"A": "passed"}, {"a": "because"})
    with pytest.raises(ValueError, match="a proves passed and failed"):
        merge_vocabularies(Vocabulary("x", {"a": "passed"}), Vocabulary("y", {"a": "failed"}))


def test_a_transform_of_a_vocabulary_has_its_words_and_its_source_and_leaves_other_words_unread() -> None:
    transform = as_transform(CMI5_VERBS)
    assert (transform.values, transform.source) == (CMI5_VERBS.proves, CMI5_VERBS.source)


def test_satisfied_proves_nothing_and_waived_is_waived() -> None:
    """cmi5 9.3.9: satisfied is sent if moveOn is met, which NotApplicable is at enrolment."""
    assert SATISFIED in XAPI_VERBS.proves_nothing
    assert SATISFIED not in XAPI_VERBS.proves
    assert XAPI_VERBS.proves["https://w3id.org/xapi/adl/verbs/waived"] == "waived"


def test_sharing_a_link_is_no_teaching() -> None:
    assert "http://adlnet.gov/expapi/verbs/shared" in XAPI_VERBS.proves_nothing


def test_a_course_is_a_learning_item_and_a_question_a_video_and_a_platform_are_none() -> None:
    types = XAPI_ACTIVITY_TYPES.proves_nothing
    assert "http://adlnet.gov/expapi/activities/question" in types
    assert "https://w3id.org/xapi/video/activity-type/video" in types
    assert "http://id.tincanapi.com/activitytype/lms" in types
    assert not {"http://adlnet.gov/expapi/activities/course", "https://w3id.org/xapi/cmi5/activitytype/course"} & set(
        types
    )


@pytest.mark.parametrize("word", CLOSED_WITHOUT_WORK.split(", "))
def test_what_was_closed_without_work_is_not_finished(word: str) -> None:
    assert JIRA_RESOLUTIONS.proves[word] == JIRA_STATUSES.proves[word] == "false"


def test_states_of_trackers() -> None:
    assert AZURE_STATES.proves["removed"] == "false"
    assert AZURE_STATES.proves["closed"] == "true"
    assert set(AZURE_REASONS.proves.values()) == {"false"}
    assert (GITHUB_STATES.proves["completed"], GITHUB_STATES.proves["not_planned"]) == ("true", "false")
