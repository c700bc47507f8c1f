"""Technical documentation and human oversight.

Belongs here: what Annex IV and Articles 11 to 15 and 26 of the AI Act ask to be described, as far as the product knows.
Does not belong here: the conformity assessment: the provider carries it out.
"""

from assets.pack.documents import shared
from assets.pack.statements import (
    CODE,
    COLUMN,
    COMMAND,
    CONFIG,
    POLICY,
    TABLE,
    TEST,
    TRAINING,
    PackDocument,
    Section,
    state,
)

TECHNICAL_DOCUMENTATION = PackDocument(
    "technical_documentation",
    "Technical documentation and human oversight",
    "Regulation (EU) 2024/1689 (AI Act), Annex III point 4, Annex IV, Articles 11 to 15 and 26",
    (
        Section(
            "Classification (Article 6(2), Annex III)",
            (shared.PURPOSE, shared.SUGGESTION, shared.OWN_LIST),
            "whether the use falls under Annex III point 4 (employment, workers' management) or point 3 (vocational "
            "training), "
            "whether Article 6(3) applies although people are profiled, and who is provider and who deployer: for "
            "counsel.",
        ),
        Section(
            "Annex IV, 1: general description",
            (
                state(
                    "Published tables are immutable snapshots with day, model and policy version.",
                    snapshot=COLUMN("out__next_skill.snapshot_id"),
                    model=COLUMN("out__next_skill.model_version"),
                    policy=COLUMN("out__next_skill.policy_version"),
                    test=TEST("tests/integration/test_end_to_end.py::test_all_tables_of_a_snapshot_carry_its_id"),
                ),
                state(
                    "`{up}` runs the schedule and shows every run; `{run}` runs once.",
                    up=COMMAND("up"),
                    run=COMMAND("run"),
                ),
                state(
                    "Readers stop using rows after {column}: {days} days after the day of the data.",
                    days=POLICY("valid_days"),
                    column=COLUMN("out__next_skill.valid_until"),
                ),
            ),
            table_name="versions",
        ),
        Section(
            "Annex IV, 2: elements and development",
            (
                state(
                    "Every number that decides what a person is shown is a key of the policy, with the reason for "
                    "its default.",
                    code=CODE("pipelines.contracts.policy:RecommendationPolicy"),
                ),
                state(
                    "A model is trained if {days} days passed, {share} of steps are new, or an input drifted beyond "
                    "{limit}.",
                    days=TRAINING("every_days"),
                    share=TRAINING("new_steps_share"),
                    limit=TRAINING("drift_limit"),
                    code=CODE("ml.registry.promotion:decide_training"),
                ),
                state(
                    "It replaces the model in use only if it is ahead in {share} of resamples of people and "
                    "calibrated to "
                    "{error}; otherwise the model in use stays.",
                    share=TRAINING("ahead_share"),
                    error=TRAINING("calibration_error_share"),
                    code=CODE("ml.registry.promotion:decide_promotion"),
                    test=TEST(
                        "tests/ml/registry/test_promotion.py::"
                        "test_a_challenger_that_beats_all_models_and_is_calibrated_is_promoted"
                    ),
                ),
                state(
                    "No feature sees what happened after the moment of its row.",
                    code=CODE("ml.evaluation.splits:EvalSplit"),
                ),
            ),
            table_name="features",
        ),
        Section(
            "Article 10: data and data governance",
            (
                state(
                    "Each table has a contract; each rule is a check on all rows that arrived.",
                    test=TEST(
                        "tests/assets/checks/test_every_rule.py::"
                        "test_every_table_of_the_catalogue_has_a_check_for_every_rule"
                    ),
                    command=COMMAND("contracts"),
                ),
                shared.DENIED_COLUMNS,
                shared.AUDIT,
            ),
            table_name="sources",
        ),
        Section(
            "Article 12: record-keeping",
            (
                shared.LOG_DAYS,
                state(
                    "Rows lead from a recommendation to its evidence, to file and row.",
                    evidence=COLUMN("out__evidence.evidence_id"),
                    file=COLUMN("out__evidence.file_sha256"),
                ),
                state(
                    "The ledger has a row per file that was offered, landed or refused.",
                    ledger=TABLE("raw_landing__event_delivery"),
                ),
                state(
                    "Steps that were shown and what came of them are recorded if a reader reports it: `{shown}`, "
                    "`{outcome}`.",
                    shown=COMMAND("exposure"),
                    outcome=COMMAND("outcome"),
                    table=COLUMN("core_reader__event_exposure.shown_at"),
                ),
            ),
            "logs of a deployer are kept for at least six months (Article 26(6)): do not set `privacy.run_log_days` "
            "below 183.",
        ),
        Section(
            "Article 13: information for deployers",
            (
                state(
                    "Limits, as the company tells readers: {limitations}", limitations=CONFIG("contracts.limitations")
                ),
                state(
                    "Each published table has a contract for its readers; a column is only added within a version.",
                    command=COMMAND("contracts"),
                    dictionary=COMMAND("dictionary"),
                ),
            ),
            "the model card (`model_card`) is part of this information.",
        ),
        Section(
            "Article 14: human oversight",
            (
                shared.PAUSE,
                state(
                    "The schedule can be switched off in the UI; the published snapshot stays until it is no longer "
                    "valid.",
                    code=CODE("assets.automation.schedules:NIGHTLY_SCHEDULE"),
                    command=COMMAND("up"),
                ),
                shared.OPT_OUT,
                shared.REPLIES,
                state(
                    "A probability is null if the model does not know the step, and a person without a good step "
                    "gets a reason "
                    "instead of popular filler.",
                    probability=COLUMN("out__next_skill.probability"),
                    reason=COLUMN("out__next_skill.no_recommendation_reason"),
                ),
                state("`{command}` says what is late, refused or failing, in sentences.", command=COMMAND("doctor")),
            ),
            "the people to whom oversight is assigned, their competence and authority (Article 26(2)).",
        ),
        Section(
            "Article 15: accuracy, robustness, cybersecurity",
            (
                state(
                    "A publication is checked before it is released: calibration error at most {error}, at most "
                    "{share} of the "
                    "people with another list.",
                    error=CONFIG("publish.most_calibration_error"),
                    share=CONFIG("publish.most_changed_share"),
                    code=CODE("pipelines.snapshots.release_checks:build_publication_contract"),
                ),
                state(
                    "`{command}` compares the recommender with simpler models on the company's own history.",
                    command=COMMAND("evaluate"),
                ),
                state(
                    "Drift of inputs and scores is measured in each run against {limit}.",
                    limit=TRAINING("drift_limit"),
                    table=COLUMN("model_ranker__event_drift.stability_index"),
                ),
                state(
                    "A bundle that is no skops file, holds a type outside the list or does not match its card is "
                    "refused.",
                    code=CODE("ml.registry.model_bundle:load_bundle"),
                    test=TEST(
                        "tests/ml/registry/test_model_bundle.py::"
                        "test_an_unknown_type_in_a_skops_file_is_refused_by_name"
                    ),
                ),
            ),
        ),
        Section(
            "Article 26: obligations of deployers",
            (shared.PAUSE, shared.LOG_DAYS),
            "information of workers' representatives and of the workers before first use (Article 26(7)): "
            "`information_for_people` and `works_agreement_annex` are drafts for that.",
        ),
    ),
)
