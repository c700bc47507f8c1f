"""Every column of the lake, declared once.

Belongs here: name, type, meaning, unit and allowed values of each column; expressions that all its readers share.
Does not belong here: how a table is declared (`table_declaration`), its columns (`catalog`, `canonical_schemas`), how
personal a column is (`classification`).
"""

from collections.abc import Callable
from typing import Any, Literal

import polars as pl

from pipelines.contracts.classification import CLASS_BY_COLUMN
from pipelines.contracts.oversight_columns import OVERSIGHT_COLUMNS
from pipelines.contracts.practice_columns import CRAFT_COLUMNS, PRACTICE_COLUMNS
from pipelines.contracts.squad_columns import SQUAD_COLUMNS
from pipelines.contracts.table import Column

STAGES = ("none", "apprentice", "journeyman", "master")
STAGE_INDEX = {stage: index for index, stage in enumerate(STAGES)}
MODES = ("observation", "repetition", "feedback", "teaching")
MOTIVE_WEIGHT_COLUMNS = ("mastery_weight", "autonomy_weight", "purpose_weight")
# How a text names a micro-skill, the most certain first.
MATCH_METHODS = ("id", "alias", "contained", "none")
STEP_KINDS = ("new", "deepen", "refresh")
# The families of the ranker's features; interaction is the part of the trees.
FEATURE_FAMILIES = (
    *("context", "curriculum", "history", "hr", "interaction", "learning"),
    *("projects", "taxonomy", "text", "trend", "wishes"),
)
CONTRIBUTION_COLUMNS = tuple(f"contribution_{family}" for family in FEATURE_FAMILIES)
LEARNING_VERBS = ("enrolled", "started", "attended", "completed", "passed", "failed", "waived", "taught")
# In descending order of trust: if two disagree, the earlier one counts.
FEEDBACK_KINDS = ("certificate", "assessment", "manager", "peer", "self")
EMPLOYMENT_STATUSES = ("active", "leave", "left")
AMOUNT_UNITS = ("hours", "count", "share")
DELIVERY_STATUSES = ("landed", "already_landed", "refused", "acknowledged")
# broader: the other entry contains this one; essential, optional: how much this entry needs the other.
TAXONOMY_RELATIONS = ("broader", "essential", "optional")
CONFLICT_REASONS = ("keys_disagree", "key_is_shared")
PAUSED = "paused_by_the_company"
NO_RECOMMENDATION_REASONS = ("too_little_evidence", "nothing_eligible", "opted_out", "all_dismissed", PAUSED)
CHANGES = ("add", "remove")
CHANGE_SUBJECTS = ("evidence", "wish")
ROW_EFFECTS = ("leaves", "moves")
# How the wishes of a team and the needs of the organisation compare.
AGREEMENTS = ("agree", "wish_without_need", "need_without_wish")
RELATIONS = ("follow", "walk_with", "lead")
CONSENT_STATUSES = ("granted", "withdrawn")
REPLY_KINDS = ("accept", "dismiss", "snooze", "dispute", "hide", "done", "retract")
REPLY_EFFECTS = (
    *("kept_on_list", "kept_away", "word_beside_estimate", "shown_to_nobody_else", "counted_as_evidence"),
    *("taken_back", "superseded", "not_understood"),
)
STEP_GOALS = (*STAGES[1:], "refresh")
OUTCOME_KINDS = ("accepted", "dismissed", "started", "done")

# What the account of an export is: an account of its own system, or a key of the company.
AccountKind = Literal["own", "employee_number", "work_email"]

TIMESTAMP = pl.Datetime("us", "UTC")


def _build_column_factory(dtype: Any, **default_fields: Any) -> Callable[..., Column]:
    """A function that declares a column of this type from its name, its description and further traits of Column."""
    return lambda name, description, **column_fields: Column(
        name, dtype, description, **{**default_fields, **column_fields}
    )


_text = _build_column_factory(pl.String)
_texts = _build_column_factory(pl.List(pl.String))
_number = _build_column_factory(pl.Float64)
_share = _build_column_factory(pl.Float64, minimum=0, maximum=1)
_hours = _build_column_factory(pl.Float64, unit="hours", minimum=0)
_integer = _build_column_factory(pl.Int64)
_count = _build_column_factory(pl.Int64, minimum=0)
_moment = _build_column_factory(TIMESTAMP)
_day = _build_column_factory(pl.Date)
_flag = _build_column_factory(pl.Boolean)
_counts = _build_column_factory(pl.List(pl.Struct({"why": pl.String, "count": pl.Int64})))
_reasons = _build_column_factory(pl.List(pl.Struct({"code": pl.String, "value": pl.Float64})))

_DECLARED_COLUMNS = (
    # Origin of a row
    _text("source_name", "Name of the source in footsteps.yaml."),
    _text("system_name", "System that wrote the export."),
    _text("file_sha256", "SHA-256 of the export file's bytes."),
    _text("file_name", "Name of the export file, without its folder."),
    _integer("row_number", "Number of the row in its file; the first data row is 1."),
    _day("delivered_date", "Day on which the file was landed."),
    _moment("landed_at", "When the file was landed."),
    _integer("delivery_number", "Number of the delivery in order of arrival; the first is 1."),
    _text("mapping_code", "Fingerprint of the mapping with which the file was read."),
    _text("delivery_status", "Result of the delivery.", allowed=DELIVERY_STATUSES),
    _text("delivery_reason", "Why the delivery was refused and what to do, in one sentence."),
    _texts("columns_left_out", "Columns that the mapping does not read, and columns that are never read."),
    _flag("is_whole", "Whether the file's manifest calls it a full export or a delta; null without a manifest."),
    _count("good_count", "Rows that satisfy every rule."),
    _count("bad_count", "Rows in quarantine."),
    _count("read_count", "Rows of the file: kept, in quarantine, and passed over."),
    _counts("passed_over", "Rows that the system's adapter does not read, by reason: `verb launched`."),
    _counts(
        "unknown_words", "Words that nothing declares: the line of footsteps.yaml that settles each, and the rows."
    ),
    _texts("file_notes", "What a reader of the file must know: it is one page of several, or not read wholly."),
    _texts("empty_measures", "What the kept rows of the file should say and none of them does: worked_hours."),
    _text("origin_url", "Address of the place that files are fetched from."),
    _text("remote_name", "Name of the file below the address."),
    _integer("remote_size", "Size of the file at its origin.", unit="bytes"),
    _moment("remote_modified_at", "When the file was last changed, as its origin states it."),
    _moment("fetched_at", "When files were fetched."),
    _counts("file_counts", "Files that footsteps.yaml names, by what became of them: `waiting` may still be written."),
    _texts("refusals", "Names of refused files and why, in one sentence each; the first 50."),
    _text("fetch_problem", "Why the origin could not be read to its end; null if it was."),
    _texts("failed_rules", "Rules that the row breaks, each as column|rule."),
    _flag("is_row_kept", "Whether the row was kept without the value that breaks the rule."),
    _text("row_text", "The row's mapped columns as text, in one JSON object."),
    _text("table_name", "Table that the row comes from or describes."),
    # People
    _text("person_id", "One person across all systems."),
    _text("account_code", "The person's id in the exporting system.", example="mmuster"),
    _text("employee_number", "Employee number in the HR system.", example="100073"),
    _text("work_email", "Work e-mail address.", pattern=r"^[^@\s]+@[^@\s]+$", example="a@b.eu"),
    _text("display_name", "Name of the person as displayed.", example="Mia Muster"),
    _text("manager_code", "Employee number, account or e-mail address of the manager.", example="100012"),
    _text("manager_id", "person_id of the manager."),
    _text("unit_name", "Organisational unit or team.", example="Data Platform"),
    _text("role_name", "Job or role title.", example="Data Engineer"),
    _text("employment_status", "Whether the person works at the company now.", allowed=EMPLOYMENT_STATUSES),
    _day("hired_date", "First day of work."),
    _day("left_date", "Last day of work; null while the person is employed."),
    _hours("weekly_hours", "Contractual hours per week.", maximum=80),
    _texts("candidate_ids", "person_id of each person it may be."),
    _text("conflict_reason", "Why the person cannot be determined.", allowed=CONFLICT_REASONS),
    _text("matched_on", "Key that matched the account to the person: the evidence for the match."),
    # Periods, work, learning, feedback, wishes
    _text("record_code", "The record's id in the exporting system; a hash of the row if it has none.", example="42"),
    _moment("changed_at", "When the record was last changed in its system."),
    _day("started_date", "First day."),
    _day("ended_date", "Last day; null while it continues. A planned due date is not a last day."),
    _text("project_code", "Project key in the project system.", example="DATA"),
    _text("assignment_code", "Key of the issue, task or booking.", example="DATA-17"),
    _flag("is_done", "Whether the work is finished; null if the export does not say, then done_at decides."),
    _moment("done_at", "When the work was finished."),
    _hours("planned_hours", "Hours planned.", maximum=100_000),
    _moment("worked_at", "When the work was done."),
    _hours("worked_hours", "Hours worked, on a day or in a week.", maximum=168),
    _text("course_code", "Key of the course or learning item.", example="SQL-101"),
    _text("course_name", "Title of the course or learning item.", example="SQL for analysts"),
    _text("catalogue_name", "Name of the source in footsteps.yaml whose catalogue lists the course."),
    _text("learning_verb", "What the person did with the course or learning item.", allowed=LEARNING_VERBS),
    _hours("learning_hours", "Hours spent learning.", maximum=10_000),
    _moment("occurred_at", "When it happened."),
    _share("score_share", "Score on a scale of 0 to 1.", unit="share"),
    _text(
        "state_code",
        "Code of a state, such as a person's grade in a course: of the records of a source with the same code, the one "
        "with which the last state began counts.",
        example="5/course-7",
    ),
    _text("voids_code", "record_code of an earlier record that this record cancels.", example="10041"),
    _text("given_by_code", "Account of the person who gave the feedback.", example="jdoe"),
    _text("given_by_id", "person_id of the person who gave the feedback."),
    _text("feedback_kind", "Kind of feedback, in descending order of trust.", allowed=FEEDBACK_KINDS),
    _moment("stated_at", "When the person stated it."),
    _share("wish_weight", "Strength of the wish, 0 to 1.", unit="share"),
    *(
        _share(
            f"{motive}_weight", f"Weight of {motive} in the person's list; the policy's weight if null.", unit="share"
        )
        for motive in ("mastery", "autonomy", "purpose")
    ),
    _text("skill_text", "Labels, tags or a title that name skills, separated by |.", example="r|sql"),
    _text("mode", "Mode of evidence.", allowed=MODES),
    # Consents and replies
    _text("consent_relation", "Relation in which the person may be shown to others.", allowed=(*RELATIONS, "all")),
    _text("consent_status", "Whether consent is granted or withdrawn.", allowed=CONSENT_STATUSES),
    _day("expires_date", "Last day on which the consent is valid."),
    _flag("is_opted_out", "Whether the person wants no recommendations."),
    _text("reply_kind", "Kind of reply.", allowed=REPLY_KINDS),
    _text("step_goal", "Goal of the step; null if the reply is about the whole micro-skill.", allowed=STEP_GOALS),
    _day("until_date", "Day on which a snoozed step may be recommended again."),
    _text("stated_stage", "Stage that the person claims; null if the estimate is not disputed.", allowed=STAGES),
    _moment("replied_at", "When the person replied."),
    # Taxonomy
    _text("skill_id", "One micro-skill.", example="sql_joins"),
    _text("skill_name", "Name of the micro-skill."),
    _text("skill_description", "What a person practises and demonstrates."),
    _text("alias_text", "Another name of the micro-skill, normalised."),
    _text("capability_id", "One capability: a named set of micro-skills."),
    _text("capability_name", "Name of the capability."),
    _share("capability_weight", "Share of the capability that the micro-skill contributes."),
    _text("from_id", "Entry of a taxonomy: a micro-skill or a group."),
    _text("relation_name", "Relation of the two entries in the published taxonomy.", allowed=TAXONOMY_RELATIONS),
    _text("to_id", "Entry that the first entry is related to."),
    _text("requires_skill_id", "Prerequisite: the micro-skill that comes first."),
    _text("importance", "How much the role needs the micro-skill.", allowed=("essential", "optional")),
    _flag("is_matched_whole", "Whether the text is the code of a course: parts of a code are no names."),
    _text("match_method", "How the part names the micro-skill.", allowed=MATCH_METHODS),
    _text("taxonomy_version", "Fingerprint of the micro-skills and names that texts are matched with."),
    _text("mention_text", "One part of a skill text, normalised; null if the text has none."),
    _count("mention_count", "Rows that contain the text.", minimum=1),
    _texts("nearest_skill_ids", "Micro-skills with the most similar names, best match first."),
    # Evidence and mastery
    _text("evidence_id", "One row of evidence: a hash of its content."),
    _number("amount", "Amount in the unit of amount_unit: hours, a count or a score share.", minimum=0),
    _text("amount_unit", "Unit of the amount.", allowed=AMOUNT_UNITS),
    _text("stage", "Stage of the person in the micro-skill.", allowed=STAGES),
    _text(
        "source_column",
        "Column of the landed row with the amount; if the amount is a count, the column with the evidence.",
    ),
    _share(
        "level_share", "Probability that the next feedback is positive; the policy's formula if feedback is scarce."
    ),
    _share("level_low_share", "Lower end of the level's 90 % interval."),
    _share("level_high_share", "Upper end of the level's 90 % interval."),
    _count("observation_count", "Evidence rows of observation."),
    _hours("observation_hours", "Hours of observation, as far as the evidence has hours."),
    _count("repetition_count", "Distinct days with repetition."),
    _hours("repetition_hours", "Hours of repetition."),
    _count("feedback_count", "Feedback received."),
    _count("positive_feedback_count", "Positive feedback received that counts for a stage."),
    _count("judge_count", "People who gave positive feedback; unknown people count once per kind of feedback."),
    _count("teaching_count", "Evidence rows of teaching."),
    _hours("teaching_hours", "Hours of teaching, as far as the evidence has hours."),
    _count("review_count", "Rows of teaching that are feedback given to others."),
    _moment("first_evidence_at", "First evidence of any mode."),
    _moment("last_practised_at", "Last repetition or teaching; the last evidence if there is neither."),
    _flag("is_rusty", "Whether the skill is held but was not practised for longer than its half-life."),
    _texts("missing_for_next", "What the policy requires for the next stage and the evidence does not show."),
    _integer(
        "half_life_days", "Days without practice after which half of a skill is forgotten.", unit="days", minimum=1
    ),
    _count("judged_count", "Feedback that the half-life was estimated from."),
    _flag("is_learnt", "Whether the value was learnt from histories; otherwise it is declared."),
    _count("before_count", "People who reached the prerequisite first."),
    _count("after_count", "People who reached the prerequisite later."),
    _share("held_share", "Share of people with the micro-skill who already held the prerequisite."),
    _share("discovery_share", "False discovery rate of the order."),
    # Capabilities and teams
    _share("coverage_share", "Total weight of the capability's micro-skills that the person holds."),
    _texts("held_skill_ids", "Micro-skills of the capability that the person holds."),
    _texts("held_skill_names", "Names of the held micro-skills: the next one can be combined with them."),
    _texts("missing_skill_ids", "Micro-skills of the capability that the person does not hold."),
    _text("next_skill_id", "Missing micro-skill that raises the coverage most; null if none, or after an opt-out."),
    _share("completes_share", "Coverage of the capability with the next micro-skill."),
    _count("team_people_count", "Employed people of the team."),
    _count("wishing_people_count", "People of the team who stated a wish; null if they are too few."),
    _share(
        "wish_share", "Mean autonomy of the people who stated a wish; null if too few people, or none, wish for it."
    ),
    _share("need_share", "Mean purpose over the team."),
    _text("agreement", "Whether wishes and needs agree.", allowed=AGREEMENTS),
    # Steps and recommendations
    _text("from_stage", "Stage that the person holds now.", allowed=STAGES),
    _text("to_stage", "Stage that the step would reach.", allowed=STAGES[1:]),
    _text("kind", "Kind of the step.", allowed=STEP_KINDS),
    _moment("reached_at", "When the step was reached."),
    _text("step_id", "One step: skill_id and the stage that the step would reach."),
    _number("prior", "Score of the candidate generator, comparable within one generator."),
    *(
        _number(
            f"contribution_{family}",
            f"Contribution of the feature family {family} to the prior, in log odds; null if the model has none.",
        )
        for family in FEATURE_FAMILIES
    ),
    _integer("rank", "Rank in the person's list; the first is 1; null if nothing is recommended.", minimum=1),
    _share("probability", "Calibrated probability of the step within the horizon; of newcomers, if they begin in it."),
    _number("score", "Score that orders the list: the declared blend of probability and motives."),
    _share("mastery", "How far the step advances the person, 0 to 1."),
    _share("autonomy", "How well the step fits the person's wishes; null if the person stated none."),
    _share("purpose", "How much the step serves the needs of the organisation, 0 to 1."),
    _number("novelty", "Minus log2 of the share of holders; very few count as the minimum.", unit="bits", minimum=0),
    _reasons(
        "reasons",
        "Code and value: motives (0 to 1), model_… (log odds over the person's mean candidate), "
        "part_… (sum to the score).",
    ),
    _text("explanation", "One plain sentence made from the reasons."),
    _text("counterfactual", "The one change in the person's data that would have changed this row."),
    _text("how", "How to practise the step: an open project, or a person to observe or to ask for feedback."),
    _text("no_recommendation_reason", "Why nothing is recommended.", allowed=NO_RECOMMENDATION_REASONS),
    _flag("is_accepted", "Whether the person accepted the step."),
    _flag("is_hidden", "Whether the person hides the row from others: only their own page shows it."),
    _text("relation", "Relation of the companion to the person in this step.", allowed=RELATIONS),
    _text("companion_id", "person_id of the companion, who consented; null if the sentence is anonymous."),
    _text("companion_skill_id", "Micro-skill of the relation: the step's, or the one in which the person leads."),
    _count("standing_count", "People behind an anonymous sentence; null if a companion is named.", minimum=1),
    _text("why", "One plain sentence that explains the companion without naming anybody."),
    _day("since_date", "First day on which the companion was shown to the person."),
    _text("reply_id", "One reply: a hash of its source and record."),
    _text("effect", "Effect of the reply.", allowed=REPLY_EFFECTS),
    _day("obeyed_date", "as_of of the first snapshot that applies the reply; null while none does."),
    _text("first_snapshot_id", "First snapshot that applies the reply; null while none does."),
    _count("time_to_effect_days", "Days from the reply to the day of that snapshot.", unit="days"),
    _text("snapshot_id", "One publication of all tables.", example="20250630T020000Z"),
    _day("as_of", "Last day of the data that was used."),
    _day("valid_until", "Last day on which the row is valid."),
    _text("model_version", "Model that estimated the probability."),
    _text("policy_version", "Fingerprint of the declared policy."),
    _text("schema_version", "Version of this table's contract."),
    # Counterfactuals, badge evidence and support gaps
    _text("change", "Whether the change adds to the person's data or removes from them.", allowed=CHANGES),
    _text("change_of", "What the change adds or removes: a row of evidence, or a wish.", allowed=CHANGE_SUBJECTS),
    _text("changed_skill_id", "Micro-skill of the evidence or the wish."),
    _text("row_effect", "Effect on the row: it leaves the list, or moves to another rank.", allowed=ROW_EFFECTS),
    _integer("to_rank", "Rank of the row after the change; null if it leaves the list.", minimum=1),
    _text("stage_after", "Stage of the person after the change; null if no stage changes.", allowed=STAGES),
    _count("evidence_count", "Rows of evidence for the stage.", minimum=1),
    _count("file_count", "Export files that the evidence comes from.", minimum=1),
    _text("strongest_feedback_kind", "Most trusted kind of feedback received.", allowed=FEEDBACK_KINDS),
    _share("strongest_score_share", "Latest score of that kind, 0 to 1."),
    _moment("strongest_at", "When that feedback was given."),
    _text("badge_draft", "Unsigned Open Badges 3.0 credential as JSON, with ids and without names."),
    _count("recommended_count", "People of the unit with a recommended step in the micro-skill.", minimum=1),
    _hours("given_hours", "Hours of work on the micro-skill in the unit in the last quarter."),
    _count(
        "project_count",
        "Open assignments (not projects) that name the micro-skill: those of members of the unit, and those in a "
        "project in which a member has or had an assignment.",
    ),
    _count(
        "holder_count",
        "People of the unit who are journeyman or master in the micro-skill; null if too few or none.",
    ),
    _texts("lacks", "What the unit lacks for the micro-skill: hours, project."),
    _text("finding", "The finding as one plain sentence."),
    _count("row_count", "Rows of the table."),
    _text("content_sha256", "SHA-256 of the rows' content in their order."),
    # Model
    _text("model", "Name of the model."),
    _text("segment", "Segment of people: all, or a range of history length."),
    _count("people_count", "People evaluated."),
    _text("watched_name", "Input or score whose distribution is monitored."),
    _text("watched_kind", "Whether it is an input or a score of the model.", allowed=("input", "score")),
    _number(
        "stability_index",
        "Population stability index against the training run of the model: 0.1 is a shift, 0.25 a major one.",
        minimum=0,
    ),
    _number("chance_index", "Index that chance alone produces with this number of people.", minimum=0),
    _flag("is_drifted", "Whether the index exceeds both the declared limit and the chance index."),
    _share("hr_at_10", "Share of people with a reached step among the first ten."),
    _share("ndcg_at_10", "Normalised discounted cumulative gain at ten."),
    _share("ndcg_at_10_low", "Lower end of its 95 % bootstrap interval."),
    _share("ndcg_at_10_high", "Upper end of its 95 % bootstrap interval."),
    _share("mrr", "Mean reciprocal rank of the first step reached."),
    _text("card", "Model card as JSON: features, window, metrics, versions, seeds."),
    _text("way_name", "Publish target: how readers reach the tables."),
    _text("location", "Location of the target: a path, or a database schema."),
    _text("way_problem", "Why publishing to the target failed; null if it succeeded."),
    _integer("shown_rank", "Rank at which the step was shown; the first is 1.", minimum=1),
    _moment("shown_at", "When the step was shown."),
    _text("outcome_kind", "Outcome of the shown step.", allowed=OUTCOME_KINDS),
    _moment("outcome_at", "When the outcome happened."),
    _flag("is_accepted_step", "Whether the person took up the step after it was shown."),
    _count("shown_count", "Steps shown at this rank."),
    _count("accepted_count", "Shown steps that were taken up."),
    _share("acceptance_share", "Share of the shown steps that were taken up.", unit="share"),
    _share("acceptance_low", "Lower end of its 95 % interval.", unit="share"),
    _share("acceptance_high", "Upper end of its 95 % interval.", unit="share"),
    _share("examined_share", "Probability that a reader examines the rank, relative to rank 1; null if unknown."),
    _count("step_count", "Steps shown both at this rank and at rank 1: the basis of examined_share."),
    *SQUAD_COLUMNS,
    *PRACTICE_COLUMNS,
    *CRAFT_COLUMNS,
    *OVERSIGHT_COLUMNS,
)
COLUMNS: dict[str, Column] = {column.name: column for column in _DECLARED_COLUMNS}
if len(COLUMNS) < len(_DECLARED_COLUMNS):
    raise ValueError("a column is declared twice")
if unclassified_columns := COLUMNS.keys() ^ CLASS_BY_COLUMN.keys():
    raise ValueError(f"columns without a class, or classes without a column: {sorted(unclassified_columns)}")


def select_columns(*column_names: str) -> tuple[Column, ...]:
    """The declared columns of these names, in this order.

    Raises:
        KeyError: A name is not declared.
    """
    return tuple(COLUMNS[column_name] for column_name in column_names)


def stage_index(stage_column: str) -> pl.Expr:
    """The index of each stage in `STAGES` (0 to 3, Int64); null if the column is null.

    Args:
        stage_column: Name of a column that holds stages.
    """
    return pl.col(stage_column).replace_strict(STAGE_INDEX, return_dtype=pl.Int64)


def is_employed() -> pl.Expr:
    """Whether the person works at the company: true for `active` and `leave` in `employment_status`."""
    return pl.col("employment_status") != "left"
