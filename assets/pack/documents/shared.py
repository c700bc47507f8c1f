"""Statements that several documents of the pack make.

Belongs here: purpose, people, sources, limits, rights and retention, each said once.
Does not belong here: what one document says alone.
"""

from assets.pack.statements import CODE, COLUMN, COMMAND, CONFIG, POLICY, RULE, TABLE, TEST, state

PURPOSE = state("Purposes, as the company declares them: {purposes}.", purposes=CONFIG("contracts.purposes"))
DEVELOPMENT_ONLY = state(
    "Terms of every published table: {usage}",
    usage=CONFIG("contracts.usage"),
    test=TEST("tests/pipelines/publish/test_contract_files.py::test_a_contract_names_servers_owner_support_and_terms"),
)
OWN_LIST = state(
    "A rank orders the steps of one person's own list and compares nobody with anybody.",
    rank=COLUMN("out__next_skill.rank"),
    test=TEST("tests/ml/recommend/test_reranking.py::test_ranks_start_at_one_without_gaps_or_repeated_micro_skills"),
)
SUGGESTION = state(
    "A row either recommends a step or says why there is none; it grants and refuses nothing.",
    rule=RULE("out__next_skill:skill_id+no_recommendation_reason|recommends_or_says_why_not"),
    reasons=COLUMN("out__next_skill.no_recommendation_reason"),
)
DENIED_COLUMNS = state(
    "Columns that by their name or their values hold pay, origin, belief, health, other data of Article 9 GDPR or "
    "state "
    "identity numbers are not read into any table, in twelve languages of column names.",
    code=CODE("pipelines.sources.sensitive_columns:sensitive_class"),
    numbers=CODE("pipelines.sources.state_ids:find_state_ids"),
    test=TEST("tests/pipelines/sources/test_sensitive_columns.py::test_documented_private_columns_are_denied"),
    languages=TEST(
        "tests/pipelines/sources/test_sensitive_columns.py::test_personal_columns_are_denied_in_every_language"
    ),
)
COPIES_HOLD_ALL = state(
    "Landing copies are whole files: they also hold columns that are never read, and are deleted with the raw rows "
    "after "
    "{days}.",
    days=TABLE("raw_SYSTEM__entity_person"),
    test=TEST("tests/pipelines/privacy/test_retention.py::test_only_what_is_due_is_deleted"),
)
NO_NAMES_PUBLISHED = state(
    "Published tables name people by person_id alone: no name, no address, no key of an export and no free text.",
    code=CODE("pipelines.contracts.personal_columns:is_direct"),
    test=TEST("tests/pipelines/contracts/test_classification.py::test_no_published_table_has_names_keys_or_free_text"),
    release=TEST("tests/pipelines/snapshots/test_release_checks.py::test_personal_columns_and_addresses_are_rejected"),
)
NOTHING_IN_LOGS = state(
    "Values of people reach neither Dagster's events nor validation pages, and the log of the web application names "
    "nobody.",
    events=TEST("tests/integration/test_end_to_end.py::test_no_personal_value_reaches_dagsters_storage"),
    pages=TEST("tests/pipelines/validation/test_data_docs.py::test_no_page_holds_a_value_of_any_row"),
    log=TEST("tests/assets/web/test_access.py::test_the_log_names_routes_and_nobody"),
)
COMPANION_CONSENT = state(
    "A colleague is named as a companion only with consent for that micro-skill and relation that lasts through the "
    "validity of the rows; otherwise the row counts people.",
    rule=RULE("out__companion:companion_id+standing_count|is_named_or_counted"),
    code=CODE("pipelines.core.consents:find_active_consents"),
    test=TEST(
        "tests/ml/recommend/test_companion_matching.py::test_nobody_is_named_without_consent_for_skill_and_relation"
    ),
    withdrawn=TEST(
        "tests/integration/test_replies_and_consents.py::test_a_person_who_withdrew_consent_is_named_nowhere"
    ),
)
SMALL_GROUPS = state(
    "Sentences about several people count {people} people or more, and reports on teams {team} or more.",
    people=POLICY("minimum_people"),
    team=POLICY("team_people"),
    counted=TEST(
        "tests/ml/recommend/test_companion_matching.py::"
        "test_people_without_consent_are_counted_from_three_up_without_the_person"
    ),
    teams=TEST("tests/pipelines/publish/site/test_site.py::test_a_team_page_counts_nobody_below_five"),
)
OPT_OUT = state(
    "A person who opts out gets a row with that reason and no step, and is nobody's companion.",
    reason=COLUMN("core_wish__event_preference.is_opted_out"),
    code=CODE("pipelines.core.objections:Objections.withhold"),
    test=TEST(
        "tests/integration/test_replies_and_consents.py::"
        "test_a_person_who_opted_out_gets_a_row_with_that_reason_and_is_nobody_s_companion"
    ),
)
OPT_OUT_AT_ONCE = state(
    "What `footsteps serve` shows follows an opt-out, a hidden micro-skill and a withdrawn consent at once; files and "
    "databases that other systems read follow with the next run.",
    opted=TEST("tests/assets/web/test_answers.py::test_an_opt_out_holds_at_once_in_everything_that_is_served"),
    hidden=TEST("tests/assets/web/test_answers.py::test_a_hidden_micro_skill_is_shown_to_nobody_else_at_once"),
    withdrawn=TEST(
        "tests/assets/web/test_answers.py::test_a_withdrawn_consent_holds_at_once_in_everything_that_is_served"
    ),
)
REPLIES = state(
    "A person may accept, dismiss, put off, dispute or hide a step; a dispute stands beside the estimate.",
    kinds=COLUMN("core_wish__event_reply.reply_kind"),
    stated=COLUMN("out__mastery.stated_stage"),
    command=COMMAND("reply"),
    test=TEST("tests/integration/test_served_answers.py::test_each_reply_has_its_effect_in_the_next_snapshot"),
)
ACCESS = state(
    "A copy of everything that is stored about a person, with source, purpose and retention: `{command}`.",
    command=COMMAND("access"),
    code=CODE("pipelines.privacy.access_copy:collect_access_copy"),
    test=TEST("tests/integration/test_access.py::test_the_copy_of_twenty_people_equals_a_search_by_content"),
    others=TEST(
        "tests/integration/test_access.py::test_a_copy_has_the_data_with_source_purpose_and_retention_and_nothing_of_others"
    ),
)
ERASURE = state(
    "Erasure removes a person from tables, models, snapshots, targets and logs, and gives a signed receipt that "
    "names files "
    "which still hold a value: `{command}`. It needs a list of erased people: {list}.",
    command=COMMAND("erase"),
    list=CONFIG("privacy.erased_people"),
    test=TEST("tests/pipelines/privacy/test_erasure.py::test_no_file_holds_a_value_of_the_person"),
    receipt=TEST("tests/pipelines/privacy/test_erasure.py::test_the_receipt_counts_names_nobody_and_is_signed"),
)
PUBLISHED_DAYS = state(
    "Published snapshots, with pages and copies in targets, are removed {days} days after their publication.",
    days=CONFIG("publish.retention_days"),
    test=TEST(
        "tests/pipelines/publish/test_targets.py::test_snapshots_go_when_their_time_is_over_and_the_current_one_stays"
    ),
)
RAW_DAYS = state(
    "Rows of exports are deleted {days} after their delivery, or after their landing if that is later; set-aside "
    "rows after "
    "{quarantine}.",
    days=TABLE("raw_SYSTEM__event_worklog"),
    quarantine=TABLE("quarantine__TABLE"),
    test=TEST("tests/pipelines/privacy/test_retention.py::test_only_what_is_due_is_deleted"),
)
LOG_DAYS = state(
    "Runs, with their events and logs, are removed after {days} days.", days=CONFIG("privacy.run_log_days")
)
LEGAL_HOLD = state(
    "While footsteps.yaml names a legal hold, retention deletes nothing; an erasure that somebody asks for is "
    "carried out.",
    key=CONFIG("privacy.legal_holds"),
    code=CODE("pipelines.privacy.retention:delete_due"),
    test=TEST("tests/pipelines/privacy/test_retention.py::test_a_legal_hold_suspends_every_deletion"),
)
NO_PERIOD = state(
    "Not deleted by age: rows of core tables and evidence made of a deleted file; people who left, as long as the HR "
    "export "
    "names them (the period of {person} in their contract has no day to count from); model bundles that are no "
    "longer in use.",
    person=TABLE("core_hr__entity_person"),
    test=TEST(
        "tests/pipelines/privacy/test_retention.py::test_rows_made_of_a_deleted_file_stay_until_their_own_period_ends"
    ),
)
BADGES = state(
    "A signed badge is issued only to a person who asks for it, names its evidence at the level that the person "
    "chose, and "
    "can be revoked: `{command}`. Its register is kept for {days}.",
    command=COMMAND("badge"),
    days=TABLE("core_badge__event_issued"),
    level=COLUMN("core_badge__event_issued.evidence_level"),
    code=CODE("assets.badges.issuing:BadgeOffice.issue"),
    test=TEST("tests/assets/badges/test_badges.py::test_without_a_standing_request_no_badge_is_issued"),
)
SEEN_BY = state(
    "`{serve}` shows a person their own page, members and leads the page of a team of {people} or more people, "
    "operators the "
    "run report, and system accounts the published tables; others see nothing.",
    serve=COMMAND("serve"),
    people=POLICY("team_people"),
    team=TEST("tests/assets/web/test_access.py::test_a_team_page_is_for_its_members_and_leads_and_from_five_people_on"),
    none=TEST("tests/assets/web/test_access.py::test_without_a_proven_identity_there_is_no_page"),
)
SITE_READERS = state(
    "The static site ({site}) is separated by addresses that cannot be guessed: whoever holds its folder can read "
    "every page.",
    site=CONFIG("publish.site"),
    command=COMMAND("site"),
)
FILES_PRIVATE = state(
    "Files are readable for the account that runs the product alone, published ones also for a group: {group}.",
    group=CONFIG("publish.group"),
    code=CODE("pipelines.storage.file_access:readable_by"),
)
PAUSE = state(
    "An operator stops recommendations by `{pause}` with a reason: within one run every person gets a row without a "
    "step that says why. `{resume}` ends it, and `{doctor}` reports it.",
    pause=COMMAND("pause"),
    resume=COMMAND("resume"),
    doctor=COMMAND("doctor"),
    test=TEST("tests/pipelines/publish/test_pause_in_every_target.py::test_a_pause_reaches_every_target_in_one_run"),
)
AUDIT = state(
    "`{audit}` measures recommendations by groups that the company supplies for that purpose alone. What it read of "
    "them is not stored.",
    audit=COMMAND("audit"),
    test=TEST("tests/assets/cli/oversight/test_audit.py::test_attributes_leave_no_trace_under_the_data_root"),
)
AUDIT_LIMITS = state(
    "Groups of fewer than {people} people are not measured. A share below {ratio} of the highest is a finding unless "
    "chance explains it, and a check warns of findings.",
    people=CONFIG("audit.minimum_people"),
    ratio=CONFIG("audit.impact_ratio"),
    table=TABLE("model_audit__event_measure"),
    marking=CODE("ml.fairness.findings:mark_findings"),
    check=CODE("assets.checks.audit_checks:evaluate_audit"),
)
