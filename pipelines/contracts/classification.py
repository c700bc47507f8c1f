"""The class of every column of the lake, and which columns lead to a person.

Belongs here: the one declaration that contracts, the dictionary, Dagster's metadata, pages, the access copy and erasure
follow. A column without an entry here cannot be declared.
Does not belong here: what the class means for one table (`personal_columns`), type and meaning (`columns`).
"""

from dataclasses import dataclass
from enum import StrEnum


class DataClass(StrEnum):
    """What the values of a column are, with regard to people."""

    IDENTIFIER = "identifier"  # names a person, by itself or through another table
    PERSONAL = "personal"  # what a person did, stated, received or was shown
    INFERENCE = "inference"  # what the flow concludes about a person: sensitive
    ORGANISATIONAL = "organisational"  # about units, work or skills; personal in a row that names a person
    TECHNICAL = "technical"  # about files, runs and models


class PersonRole(StrEnum):
    """Who a person is in the rows that name them."""

    SUBJECT = "subject"  # the row is about this person
    OTHER = "other person"  # the row is about somebody else


class PersonKey(StrEnum):
    """By what a column names a person."""

    PERSON_ID = "person_id"
    EMPLOYEE_NUMBER = "employee_number"
    WORK_EMAIL = "work_email"
    ACCOUNT = "account_code"  # an account of the row's system
    ANY = "any"  # an employee number, an account or an e-mail address
    RECORD = "record"  # the hash of a record of the person


@dataclass(frozen=True, slots=True)
class PersonReference:
    """How a column leads to a person."""

    role: PersonRole
    key: PersonKey


_COLUMN_LIST_BY_CLASS = {
    DataClass.IDENTIFIER: """
        person_id account_code employee_number work_email display_name manager_code manager_id candidate_ids
        given_by_code given_by_id companion_id follow_id lead_id
    """,
    DataClass.PERSONAL: """
        row_text employment_status hired_date left_date weekly_hours record_code changed_at started_date ended_date
        is_done done_at planned_hours worked_at worked_hours learning_verb learning_hours occurred_at score_share
        state_code voids_code feedback_kind stated_at wish_weight mastery_weight autonomy_weight purpose_weight
        skill_text mention_text mode consent_relation consent_status expires_date is_opted_out reply_kind step_goal
        until_date stated_stage replied_at evidence_id amount amount_unit observation_count observation_hours
        repetition_count repetition_hours feedback_count positive_feedback_count judge_count teaching_count
        teaching_hours review_count first_evidence_at last_practised_at is_accepted is_hidden since_date reply_id
        effect obeyed_date first_snapshot_id time_to_effect_days evidence_count file_count strongest_feedback_kind
        strongest_score_share strongest_at shown_rank shown_at outcome_kind outcome_at is_accepted_step
        squad_reply_kind workload free_weekly_hours
    """,
    DataClass.INFERENCE: """
        stage level_share level_low_share level_high_share is_rusty missing_for_next coverage_share held_skill_ids
        held_skill_names missing_skill_ids next_skill_id completes_share from_stage to_stage kind reached_at step_id
        prior contribution_context contribution_curriculum contribution_history contribution_hr
        contribution_interaction contribution_learning contribution_projects contribution_taxonomy contribution_text
        contribution_trend contribution_wishes rank probability score mastery autonomy purpose reasons explanation
        counterfactual how no_recommendation_reason relation companion_skill_id why change change_of changed_skill_id
        novelty row_effect to_rank stage_after badge_draft brings_skill_ids
        decisive_change
    """,
    DataClass.ORGANISATIONAL: """
        unit_name role_name project_code assignment_code course_code course_name skill_id skill_name skill_description
        alias_text capability_id capability_name capability_weight from_id relation_name to_id requires_skill_id
        importance mention_count nearest_skill_ids half_life_days judged_count is_learnt before_count after_count
        held_share discovery_share team_people_count wishing_people_count wish_share need_share agreement
        standing_count recommended_count given_hours project_count holder_count lacks finding people_count shown_count
        accepted_count acceptance_share acceptance_low acceptance_high examined_share step_count
        opening_id opening_kind required_skill_ids covered_skill_ids lacking_skill_ids step_ids open_count
        planned_weekly_hours planned_end_date interested_count follow_count lead_count unit_hours chosen_hours
        chosen_share is_free_choice_given wanting_count staffed_count
    """,
    DataClass.TECHNICAL: """
        source_name system_name file_sha256 file_name row_number delivered_date landed_at delivery_number mapping_code
        delivery_status delivery_reason columns_left_out is_whole good_count bad_count read_count passed_over
        unknown_words file_notes empty_measures origin_url remote_name remote_size remote_modified_at fetched_at
        file_counts refusals fetch_problem failed_rules is_row_kept table_name conflict_reason matched_on
        catalogue_name is_matched_whole match_method taxonomy_version source_column snapshot_id as_of valid_until
        model_version policy_version schema_version row_count content_sha256 model segment watched_name watched_kind
        stability_index chance_index is_drifted hr_at_10 ndcg_at_10 ndcg_at_10_low ndcg_at_10_high mrr card way_name
        location way_problem
    """,
}

CLASS_BY_COLUMN: dict[str, DataClass] = {
    column_name: data_class
    for data_class, column_list in _COLUMN_LIST_BY_CLASS.items()
    for column_name in column_list.split()
}
if len(CLASS_BY_COLUMN) < sum(len(column_list.split()) for column_list in _COLUMN_LIST_BY_CLASS.values()):
    raise ValueError("a column has two classes")

# display_name is no key: several people may have one name.
REFERENCE_BY_COLUMN: dict[str, PersonReference] = {
    "person_id": PersonReference(PersonRole.SUBJECT, PersonKey.PERSON_ID),
    "employee_number": PersonReference(PersonRole.SUBJECT, PersonKey.EMPLOYEE_NUMBER),
    "work_email": PersonReference(PersonRole.SUBJECT, PersonKey.WORK_EMAIL),
    "account_code": PersonReference(PersonRole.SUBJECT, PersonKey.ACCOUNT),
    "candidate_ids": PersonReference(PersonRole.SUBJECT, PersonKey.PERSON_ID),
    "reply_id": PersonReference(PersonRole.SUBJECT, PersonKey.RECORD),
    "evidence_id": PersonReference(PersonRole.SUBJECT, PersonKey.RECORD),
    "manager_id": PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID),
    "given_by_id": PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID),
    "companion_id": PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID),
    "follow_id": PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID),
    "lead_id": PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID),
    "manager_code": PersonReference(PersonRole.OTHER, PersonKey.ANY),
    "given_by_code": PersonReference(PersonRole.OTHER, PersonKey.ANY),
}

# Text that people wrote, with any content: it may name anybody.
FREE_TEXT_COLUMNS = frozenset({"row_text", "skill_text", "mention_text"})
