"""Every column name of the lake, declared once.

Belongs here: name, type, meaning, unit, domain and personal-data class of a column; the closed sets of words.
Does not belong here: which table has which column (`catalog`, `shapes`).
"""

from typing import Any, Literal

import polars as pl

from pipelines.contracts.table import Column, Personal

STAGES = ("none", "apprentice", "journeyman", "master")
STAGE_INDEX = {stage: index for index, stage in enumerate(STAGES)}
MODES = ("observation", "repetition", "feedback", "teaching")
# How much each motive is to weigh for the person who said so.
MOTIVE_WEIGHT_COLUMNS = ("mastery_weight", "autonomy_weight", "purpose_weight")
STEP_KINDS = ("new", "deepen", "refresh")
# The families of the ranker's features; interaction is the part of the trees.
FEATURE_FAMILIES = (
    "context",
    "curriculum",
    "history",
    "hr",
    "interaction",
    "learning",
    "projects",
    "taxonomy",
    "text",
    "trend",
    "wishes",
)
CONTRIBUTION_COLUMNS = tuple(f"contribution_{family}" for family in FEATURE_FAMILIES)
LEARNING_VERBS = ("enrolled", "started", "attended", "completed", "passed", "failed", "waived", "taught")
# In the order of trust: where two judgements disagree, the earlier kind is believed.
FEEDBACK_KINDS = ("certificate", "assessment", "manager", "peer", "self")
EMPLOYMENT_STATUSES = ("active", "leave", "left")
AMOUNT_UNITS = ("hours", "count", "share")
DELIVERY_STATUSES = ("landed", "already_landed", "refused")
# broader: lies under; essential, optional: how much it needs the other.
TAXONOMY_RELATIONS = ("broader", "essential", "optional")
CONFLICT_REASONS = ("keys_disagree", "key_is_shared")
NO_RECOMMENDATION_REASONS = ("too_little_evidence", "nothing_eligible", "opted_out", "all_dismissed")
CHANGES = ("add", "remove")
CHANGED_THINGS = ("evidence", "wish")
EFFECTS = ("leaves", "moves")
# Where wishes of a team and needs of the organisation meet.
AGREEMENTS = ("agree", "wish_without_need", "need_without_wish")
RELATIONS = ("follow", "walk_with", "lead")
CONSENT_STATUSES = ("granted", "withdrawn")
REPLY_KINDS = ("accept", "dismiss", "snooze", "dispute", "hide", "done", "retract")
REPLY_EFFECTS = (
    "kept_on_list",
    "kept_away",
    "word_beside_estimate",
    "shown_to_nobody_else",
    "counted_as_evidence",
    "taken_back",
    "superseded",
    "not_understood",
)
STEP_GOALS = (*STAGES[1:], "refresh")

# What the account of an export is: an account of its own system, or a key of the company.
AccountKind = Literal["own", "employee_number", "work_email"]

TIMESTAMP = pl.Datetime("us", "UTC")
COLUMNS: dict[str, Column] = {}


def _declare(name: str, dtype: Any, description: str, **traits: Any) -> None:
    if name in COLUMNS:
        raise ValueError(f"the column {name} is declared twice")
    COLUMNS[name] = Column(name, dtype, description, **traits)


def select_columns(*names: str) -> tuple[Column, ...]:
    """The declared columns of these names, in this order. Raises KeyError for a name that is not declared."""
    return tuple(COLUMNS[name] for name in names)


def stage_index(column: str) -> pl.Expr:
    """The index of each stage in `STAGES` (0 to 3, Int64); null where the column is null.

    Args:
        column: Name of a column that holds stages.
    """
    return pl.col(column).replace_strict(STAGE_INDEX, return_dtype=pl.Int64)


def is_employed() -> pl.Expr:
    """Whether the person works at the company: true for `active` and `leave` in `employment_status`."""
    return pl.col("employment_status") != "left"


# Where a row came from
_declare("source_name", pl.String, "Name of the source in footsteps.yaml.")
_declare("system_name", pl.String, "System that wrote the export.")
_declare("file_sha256", pl.String, "SHA-256 of the export file's bytes.")
_declare("file_name", pl.String, "Name of the export file, without its folder.")
_declare("row_number", pl.Int64, "Number of the row in its file, the first data row being 1.")
_declare("delivered_date", pl.Date, "Day on which the file was landed.")
_declare("landed_at", TIMESTAMP, "When the file was landed.")
_declare("delivery_number", pl.Int64, "Deliveries of the lake in the order they came, 1 first.")
_declare("mapping_code", pl.String, "Fingerprint of the mapping under which the file was read.")
_declare("delivery_status", pl.String, "What became of the delivery.", allowed=DELIVERY_STATUSES)
_declare("delivery_reason", pl.String, "Why a delivery was refused, in one sentence that says what to do.")
_declare(
    "columns_left_out",
    pl.List(pl.String),
    "Columns that no mapping asked for, and those never read.",
)
_declare("is_whole", pl.Boolean, "Whether its manifest calls the file whole, or (false) a delta; null without one.")
_declare("good_count", pl.Int64, "Rows that kept every rule.", minimum=0)
_declare("bad_count", pl.Int64, "Rows set aside in quarantine.", minimum=0)
_declare("failed_rules", pl.List(pl.String), "Rules the row broke, each as column|rule.")
_declare("is_row_kept", pl.Boolean, "Whether the row was kept, without the value that broke the rule.")
_declare("row_text", pl.String, "The row's mapped columns as text, one JSON object.", personal=Personal.TEXT)
_declare("table_name", pl.String, "Table the row was meant for.")

# People
_declare("person_id", pl.String, "One person across all systems.", personal=Personal.PSEUDONYM)
_declare("account_code", pl.String, "The exporting system's own id of the person.", personal=Personal.PSEUDONYM)
_declare("employee_number", pl.String, "Employee number in the HR system.", personal=Personal.PSEUDONYM)
_declare("work_email", pl.String, "Work e-mail address.", pattern=r"^[^@\s]+@[^@\s]+$", personal=Personal.DIRECT)
_declare("display_name", pl.String, "Name as the person is called.", personal=Personal.DIRECT)
_declare("manager_code", pl.String, "Employee number, account or e-mail of the manager.", personal=Personal.DIRECT)
_declare("manager_id", pl.String, "person_id of the manager.", personal=Personal.PSEUDONYM)
_declare("unit_name", pl.String, "Organisational unit or team.")
_declare("role_name", pl.String, "Job or role title.")
_declare("employment_status", pl.String, "Whether the person works here now.", allowed=EMPLOYMENT_STATUSES)
_declare("hired_date", pl.Date, "First day of work.")
_declare("left_date", pl.Date, "Last day of work; null while the person works here.")
_declare("weekly_hours", pl.Float64, "Agreed hours a week.", unit="hours", minimum=0, maximum=80)
_declare("candidate_ids", pl.List(pl.String), "People it may be, by person_id.", personal=Personal.PSEUDONYM)
_declare("conflict_reason", pl.String, "Why it is not plain who is meant.", allowed=CONFLICT_REASONS)
_declare("matched_on", pl.String, "What joined the account to the person: the evidence for the match.")

# Periods, work, learning, judgement, wishes
_declare("record_code", pl.String, "The exporting system's id of the record; a hash of the row where it has none.")
_declare("changed_at", TIMESTAMP, "When the record was last changed in its system.")
_declare("started_date", pl.Date, "First day.")
_declare("ended_date", pl.Date, "Last day; null while it goes on.")
_declare("project_code", pl.String, "Project key in the project system.")
_declare("assignment_code", pl.String, "Key of the issue, task or booking.")
_declare("is_done", pl.Boolean, "Whether the work was finished.")
_declare("done_at", TIMESTAMP, "When the work was finished.")
_declare("planned_hours", pl.Float64, "Hours planned.", unit="hours", minimum=0, maximum=100_000)
_declare("worked_at", TIMESTAMP, "When the work was done.")
_declare("worked_hours", pl.Float64, "Hours worked.", unit="hours", minimum=0, maximum=24)
_declare("course_code", pl.String, "Key of the course or learning item.")
_declare("course_name", pl.String, "Title of the course or learning item.")
_declare("learning_verb", pl.String, "What the person did with the item.", allowed=LEARNING_VERBS)
_declare("learning_hours", pl.Float64, "Hours spent learning.", unit="hours", minimum=0, maximum=10_000)
_declare("occurred_at", TIMESTAMP, "When it happened.")
_declare("score_share", pl.Float64, "Score on a scale of 0 to 1.", unit="share", minimum=0, maximum=1)
_declare("voids_code", pl.String, "record_code of an earlier record that this one takes back.")
_declare("given_by_code", pl.String, "Account of the person who judged.", personal=Personal.PSEUDONYM)
_declare("given_by_id", pl.String, "person_id of the person who judged.", personal=Personal.PSEUDONYM)
_declare("feedback_kind", pl.String, "Who judged, by order of trust.", allowed=FEEDBACK_KINDS)
_declare("stated_at", TIMESTAMP, "When the wish was stated.")
_declare("wish_weight", pl.Float64, "How strongly it is wished, 0 to 1.", unit="share", minimum=0, maximum=1)
for _motive in ("mastery", "autonomy", "purpose"):
    _declare(
        f"{_motive}_weight",
        pl.Float64,
        f"How much {_motive} is to weigh in the person's own list; the policy's weight where empty.",
        unit="share",
        minimum=0,
        maximum=1,
    )
_declare(
    "skill_text",
    pl.String,
    "Labels, tags or a title that name skills; several separated by |.",
    personal=Personal.TEXT,
)
_declare("mode", pl.String, "Mode of evidence.", allowed=MODES)

# What people say about being shown, and about what they were shown
_declare("consent_relation", pl.String, "How the person may be shown to others.", allowed=(*RELATIONS, "all"))
_declare("consent_status", pl.String, "Whether it was given or taken back.", allowed=CONSENT_STATUSES)
_declare("expires_date", pl.Date, "Last day on which it holds.")
_declare("is_opted_out", pl.Boolean, "Whether the person wants no recommendations.")
_declare("reply_kind", pl.String, "What the person replied.", allowed=REPLY_KINDS)
_declare("step_goal", pl.String, "What the step would reach; null speaks of the whole micro-skill.", allowed=STEP_GOALS)
_declare("until_date", pl.Date, "Day on which a snoozed step comes back.")
_declare("stated_stage", pl.String, "Stage the person says they hold; null where they dispute nothing.", allowed=STAGES)
_declare("replied_at", TIMESTAMP, "When the person replied.")

# Taxonomy
_declare("skill_id", pl.String, "One micro-skill.")
_declare("skill_name", pl.String, "Name of the micro-skill.")
_declare("skill_description", pl.String, "What is practised and shown.")
_declare("alias_text", pl.String, "Another name of the micro-skill, normalised.")
_declare("capability_id", pl.String, "One capability: a named set of micro-skills.")
_declare("capability_name", pl.String, "Name of the capability.")
_declare(
    "capability_weight", pl.Float64, "Share of the capability that the micro-skill makes up.", minimum=0, maximum=1
)
_declare("from_id", pl.String, "Entry of a taxonomy: a micro-skill or a group.")
_declare("relation_name", pl.String, "How its publisher relates it.", allowed=TAXONOMY_RELATIONS)
_declare("to_id", pl.String, "The entry it is related to.")
_declare("requires_skill_id", pl.String, "Micro-skill that comes first.")
_declare("importance", pl.String, "How much the role needs it.", allowed=("essential", "optional"))
_declare(
    "mention_text",
    pl.String,
    "Skill text that no alias of the taxonomy matches, normalised.",
    personal=Personal.TEXT,
)
_declare("mention_count", pl.Int64, "Rows that mention it.", minimum=1)
_declare("nearest_skill_ids", pl.List(pl.String), "Nearest micro-skills by name, best first.")

# Evidence and mastery
_declare("evidence_id", pl.String, "One row of evidence: a hash of its content.")
_declare("amount", pl.Float64, "How much: hours, a count, or a score share, as amount_unit says.", minimum=0)
_declare("amount_unit", pl.String, "Unit of the amount.", allowed=AMOUNT_UNITS)
_declare("stage", pl.String, "Stage of the person in the micro-skill.", allowed=STAGES)
_declare(
    "source_column",
    pl.String,
    "Column of the landed row that the amount was taken from, or that shows it where it is a count.",
)
_declare(
    "level_share",
    pl.Float64,
    "Probability that the next judgement is positive; the policy's formula where too few were judged.",
    minimum=0,
    maximum=1,
)
_declare("level_low_share", pl.Float64, "Lower end of the level's 90 % interval.", minimum=0, maximum=1)
_declare("level_high_share", pl.Float64, "Upper end of the level's 90 % interval.", minimum=0, maximum=1)
_declare("observation_count", pl.Int64, "Evidence rows of observation.", minimum=0)
_declare("observation_hours", pl.Float64, "Hours of observation, where told.", unit="hours", minimum=0)
_declare("repetition_count", pl.Int64, "Distinct days of repetition.", minimum=0)
_declare("repetition_hours", pl.Float64, "Hours of repetition.", unit="hours", minimum=0)
_declare("feedback_count", pl.Int64, "Judgements received.", minimum=0)
_declare("positive_feedback_count", pl.Int64, "Positive judgements received that count for a stage.", minimum=0)
_declare("judge_count", pl.Int64, "People who judged positively, unknown judges counted by kind.", minimum=0)
_declare("teaching_count", pl.Int64, "Evidence rows of teaching.", minimum=0)
_declare("teaching_hours", pl.Float64, "Hours of teaching, where told.", unit="hours", minimum=0)
_declare("review_count", pl.Int64, "Of the teaching, judgements given to others.", minimum=0)
_declare("first_evidence_at", TIMESTAMP, "First evidence of any mode.")
_declare("last_practised_at", TIMESTAMP, "Last repetition or teaching; last evidence where there is neither.")
_declare("is_rusty", pl.Boolean, "Held, but not practised for longer than the micro-skill's half-life.")
_declare("missing_for_next", pl.List(pl.String), "What the policy still asks for the next stage.")

_declare("half_life_days", pl.Int64, "Days without practice after which half of it has faded.", unit="days", minimum=1)
_declare("judged_count", pl.Int64, "Judgements it was learnt from.", minimum=0)
_declare("is_learnt", pl.Boolean, "Whether it was learnt from histories; otherwise it is declared.")
_declare("before_count", pl.Int64, "People who took the required one first.", minimum=0)
_declare("after_count", pl.Int64, "People who took the required one later.", minimum=0)
_declare("held_share", pl.Float64, "Share of those who took it that held the required one.", minimum=0, maximum=1)
_declare("discovery_share", pl.Float64, "False discovery rate at which the order stands.", minimum=0, maximum=1)

# Capabilities and teams
_declare("coverage_share", pl.Float64, "Weight of the capability's micro-skills that are held.", minimum=0, maximum=1)
_declare("held_skill_ids", pl.List(pl.String), "Micro-skills of the capability that are held.")
_declare("held_skill_names", pl.List(pl.String), "Their names: what one more micro-skill combines with.")
_declare("missing_skill_ids", pl.List(pl.String), "Micro-skills of the capability that are not held.")
_declare("next_skill_id", pl.String, "The missing micro-skill that completes most; null where none is missing.")
_declare("completes_share", pl.Float64, "Weight of the capability that is complete with it.", minimum=0, maximum=1)
_declare("team_people_count", pl.Int64, "People of the team who work here.", minimum=0)
_declare("wishing_people_count", pl.Int64, "Of them, people who stated a wish; null where too few.", minimum=0)
_declare("wish_share", pl.Float64, "Mean autonomy of those who stated a wish.", minimum=0, maximum=1)
_declare("need_share", pl.Float64, "Mean purpose over the team.", minimum=0, maximum=1)
_declare("agreement", pl.String, "Whether wishes and needs agree or part.", allowed=AGREEMENTS)

# Steps and recommendations
_declare("from_stage", pl.String, "Stage the person holds now.", allowed=STAGES)
_declare("to_stage", pl.String, "Stage the step would reach.", allowed=STAGES[1:])
_declare("kind", pl.String, "Kind of the step.", allowed=STEP_KINDS)
_declare("reached_at", TIMESTAMP, "When the step was reached.")
_declare("step_id", pl.String, "One step: skill_id and the stage it would reach.")
_declare("prior", pl.Float64, "Score the generator gave, comparable within one generator.")
for _family in FEATURE_FAMILIES:
    _declare(
        f"contribution_{_family}",
        pl.Float64,
        f"What the feature family {_family} adds to the prior, in log odds; null if the model has no such feature.",
    )
_declare("rank", pl.Int64, "Place in the person's list, 1 first; null where nothing is recommended.", minimum=1)
_declare(
    "probability", pl.Float64, "Calibrated probability of reaching the step within the horizon.", minimum=0, maximum=1
)
_declare("score", pl.Float64, "What the list is ordered by: the declared blend of probability and motives.")
_declare("mastery", pl.Float64, "How far this step carries the person, 0 to 1.", minimum=0, maximum=1)
_declare(
    "autonomy",
    pl.Float64,
    "Fit with what the person said they want; null where they said nothing.",
    minimum=0,
    maximum=1,
)
_declare("purpose", pl.Float64, "How it serves what the organisation needs, 0 to 1.", minimum=0, maximum=1)
_declare(
    "reasons",
    pl.List(pl.Struct({"code": pl.String, "value": pl.Float64})),
    "Code and value: motives (0 to 1), model_… (log odds over the person's mean candidate), part_… (sum to the score).",
)
_declare("explanation", pl.String, "One plain sentence made from the reasons.")
_declare("counterfactual", pl.String, "The one change in the person's own data that would have changed this row.")
_declare("how", pl.String, "How to practise it: an open project, someone to observe or to ask for feedback.")
_declare("no_recommendation_reason", pl.String, "Why nothing is recommended.", allowed=NO_RECOMMENDATION_REASONS)
_declare("is_accepted", pl.Boolean, "Whether the person accepted the step.")
_declare("is_hidden", pl.Boolean, "Whether the person shows it to nobody else: for their own page alone.")
_declare("relation", pl.String, "How the companion stands to the person in this step.", allowed=RELATIONS)
_declare(
    "companion_id",
    pl.String,
    "person_id of the companion, who consented; null where the sentence is anonymous.",
    personal=Personal.PSEUDONYM,
)
_declare("companion_skill_id", pl.String, "Micro-skill in which they are companions: the step's, or the one led in.")
_declare("standing_count", pl.Int64, "People behind an anonymous sentence; null where one is named.", minimum=1)
_declare("why", pl.String, "One plain sentence that says why this companion, naming nobody.")
_declare("since_date", pl.Date, "First day on which the companion was shown to the person.")
_declare("reply_id", pl.String, "One reply: a hash of its source and record.")
_declare("effect", pl.String, "What was done about it.", allowed=REPLY_EFFECTS)
_declare("obeyed_date", pl.Date, "as_of of the first snapshot that obeys it; null while none does.")
_declare("first_snapshot_id", pl.String, "First snapshot that obeys it; null while none does.")
_declare("time_to_effect_days", pl.Int64, "Days from the reply to that snapshot's day.", unit="days", minimum=0)
_declare("snapshot_id", pl.String, "One publication of all tables.")
_declare("as_of", pl.Date, "Nothing later was seen.")
_declare("valid_until", pl.Date, "After this day the row is stale.")
_declare("model_version", pl.String, "Model that gave the probability.")
_declare("policy_version", pl.String, "Fingerprint of the declared policy.")
_declare("schema_version", pl.String, "Version of this table's contract.")

# Why, proof and support
_declare("change", pl.String, "Whether something is added to the person's data or taken from them.", allowed=CHANGES)
_declare("change_of", pl.String, "What is added or taken: a row of evidence, or a wish.", allowed=CHANGED_THINGS)
_declare("changed_skill_id", pl.String, "The micro-skill of the evidence or the wish.")
_declare(
    "row_effect", pl.String, "What becomes of the row: it leaves the list, or moves to another rank.", allowed=EFFECTS
)
_declare("to_rank", pl.Int64, "The rank the row would have; null where it would leave.", minimum=1)
_declare("stage_after", pl.String, "The stage the person would have; null where stages stay.", allowed=STAGES)
_declare("evidence_count", pl.Int64, "Rows of evidence that show it.", minimum=1)
_declare("file_count", pl.Int64, "Export files they come from.", minimum=1)
_declare("strongest_feedback_kind", pl.String, "The most trusted kind of judgement received.", allowed=FEEDBACK_KINDS)
_declare("strongest_score_share", pl.Float64, "The latest score of that kind, 0 to 1.", minimum=0, maximum=1)
_declare("strongest_at", TIMESTAMP, "When it was given.")
_declare("badge_draft", pl.String, "Unsigned Open Badges 3.0 credential, as JSON; ids only, nobody's name.")
_declare("recommended_count", pl.Int64, "People of the unit to whom a step in it is recommended.", minimum=1)
_declare("given_hours", pl.Float64, "Hours of work on it in the unit in the last quarter.", unit="hours", minimum=0)
_declare("project_count", pl.Int64, "Open pieces of work that name it, in projects the unit works in.", minimum=0)
_declare("holder_count", pl.Int64, "People of the unit who are journeyman or master in it.", minimum=0)
_declare("lacks", pl.List(pl.String), "What the organisation does not give there: hours, project, person.")
_declare("finding", pl.String, "The finding as one plain sentence.")

_declare("row_count", pl.Int64, "Rows of the table.", minimum=0)
_declare("content_sha256", pl.String, "SHA-256 of the rows' content in their order.")

# Model
_declare("model", pl.String, "Name of the model.")
_declare("segment", pl.String, "Which people: all, or by length of history.")
_declare("people_count", pl.Int64, "People evaluated.", minimum=0)
_declare("watched_name", pl.String, "Input or score whose distribution is watched.")
_declare("watched_kind", pl.String, "Whether the model reads it or says it.", allowed=("input", "score"))
_declare(
    "stability_index",
    pl.Float64,
    "Population stability index against the night the model was trained: 0.1 is a shift, 0.25 a major one.",
    minimum=0,
)
_declare("chance_index", pl.Float64, "What chance alone makes of the index among so few.", minimum=0)
_declare("is_drifted", pl.Boolean, "The index exceeds the declared limit and what chance makes of it.")
_declare("hr_at_10", pl.Float64, "Share of people with a reached step among the first ten.", minimum=0, maximum=1)
_declare("ndcg_at_10", pl.Float64, "Normalised discounted cumulative gain at ten.", minimum=0, maximum=1)
_declare("ndcg_at_10_low", pl.Float64, "Lower end of its 95 % bootstrap interval.", minimum=0, maximum=1)
_declare("ndcg_at_10_high", pl.Float64, "Upper end of its 95 % bootstrap interval.", minimum=0, maximum=1)
_declare("mrr", pl.Float64, "Mean reciprocal rank of the first step reached.", minimum=0, maximum=1)
_declare("card", pl.String, "Model card: features, window, metrics, versions, seeds, as JSON.")
_declare("way_name", pl.String, "Way in: how readers reach the table.")
_declare("location", pl.String, "Where it is: a path, or a schema and table.")
_declare("way_problem", pl.String, "Why it could not be published there; null where it was.")

# What readers showed, and what came of it
_declare("shown_rank", pl.Int64, "Place at which the step was shown, the first being 1.", minimum=1)
_declare("shown_at", TIMESTAMP, "When it was shown.")
_declare(
    "outcome_kind",
    pl.String,
    "What came of it.",
    allowed=("accepted", "dismissed", "started", "done"),
)
_declare("outcome_at", TIMESTAMP, "When that was.")
_declare("is_accepted_step", pl.Boolean, "Whether the person took the step up after it was shown.")
_declare("shown_count", pl.Int64, "Steps shown at this rank.", minimum=0)
_declare("accepted_count", pl.Int64, "Of these, taken up.", minimum=0)
_declare("acceptance_share", pl.Float64, "Taken up of those shown.", unit="share", minimum=0, maximum=1)
_declare("acceptance_low", pl.Float64, "Lower end of its 95 % interval.", unit="share", minimum=0, maximum=1)
_declare("acceptance_high", pl.Float64, "Upper end of its 95 % interval.", unit="share", minimum=0, maximum=1)
_declare(
    "examined_share", pl.Float64, "How much a rank is looked at; 1 for rank 1, null: unknown.", minimum=0, maximum=1
)
_declare("step_count", pl.Int64, "Steps shown at this rank and at rank 1, on which that rests.", minimum=0)
