"""The draft of a data protection impact assessment.

Belongs here: description, necessity, risks and measures, as Article 35(7) GDPR lists them.
Does not belong here: the decision whether the remaining risk is acceptable: the controller takes it.
"""

from assets.pack.documents import shared
from assets.pack.statements import CODE, COLUMN, CONFIG, POLICY, RULE, TEST, TRAINING, PackDocument, Section, state

IMPACT_ASSESSMENT = PackDocument(
    "impact_assessment_draft",
    "Data protection impact assessment (draft)",
    "Article 35(7) GDPR; Article 26(9) AI Act",
    (
        Section(
            "Systematic description (point a)",
            (shared.PURPOSE, shared.SEEN_BY, shared.RAW_DAYS, shared.PUBLISHED_DAYS, shared.NO_PERIOD),
            "number of people, the systems of the company in words, and the advice of the data protection officer "
            "(Article 35(2)).",
            "sources",
        ),
        Section(
            "Necessity and proportionality (point b)",
            (
                shared.DENIED_COLUMNS,
                state(
                    "An adapter reads the columns that it declares and no others.",
                    code=CODE("pipelines.sources.declaration:FieldMap"),
                    test=TEST(
                        "tests/pipelines/sources/test_sensitive_columns.py::test_no_column_that_an_adapter_reads_is_denied"
                    ),
                ),
                shared.DEVELOPMENT_ONLY,
                shared.NO_NAMES_PUBLISHED,
            ),
            "why the purposes cannot be reached with less, and the legal basis.",
        ),
        Section(
            "Risk: being ranked, or a gate",
            (shared.OWN_LIST, shared.SUGGESTION, shared.DEVELOPMENT_ONLY),
            "rules for readers of the tables, and who checks that they are kept: the product cannot see what a "
            "reader does.",
        ),
        Section(
            "Risk: being shown to others",
            (
                shared.COMPANION_CONSENT,
                shared.SMALL_GROUPS,
                shared.OPT_OUT_AT_ONCE,
                state(
                    "A companion is shown to at most {people} people.",
                    people=POLICY("companions.load_cap"),
                    test=TEST("tests/ml/recommend/test_companion_matching.py::test_caps_hold_for_any_input"),
                ),
                state(
                    "Nobody is their own companion; a manager above a person walks along only if the policy allows "
                    "it (now: {allowed}).",
                    rule=RULE("out__companion:person_id+companion_id|is_another"),
                    allowed=POLICY("companions.manager_chain_may_walk"),
                    test=TEST(
                        "tests/ml/recommend/test_companion_matching.py::"
                        "test_the_manager_chain_never_walks_together_unless_the_policy_allows_it"
                    ),
                ),
                shared.SITE_READERS,
            ),
        ),
        Section(
            "Risk: wrong estimates",
            (
                state(
                    "Limits, as the company tells readers: {limitations}",
                    limitations=CONFIG("contracts.limitations"),
                ),
                shared.REPLIES,
                state(
                    "A level has an interval, and too little evidence gives a row that says so.",
                    low=COLUMN("out__mastery.level_low_share"),
                    high=COLUMN("out__mastery.level_high_share"),
                    reason=COLUMN("out__next_skill.no_recommendation_reason"),
                ),
                state(
                    "Rows that break a rule are set aside and counted; none is dropped uncounted.",
                    table=COLUMN("quarantine__TABLE.failed_rules"),
                    test=TEST(
                        "tests/pipelines/ingest/test_landing.py::"
                        "test_bad_rows_are_quarantined_with_their_rule_and_good_rows_are_loaded"
                    ),
                ),
            ),
        ),
        Section(
            "Risk: unequal treatment of groups",
            (
                shared.AUDIT,
                shared.AUDIT_LIMITS,
                state(
                    "A new model may not lose more than {margin} NDCG@10 in a segment of people against the model in "
                    "use.",
                    margin=TRAINING("segment_margin"),
                    code=CODE("ml.registry.promotion:decide_promotion"),
                ),
            ),
            "which attributes are audited, how often, and what happens at a warning.",
            "audit",
        ),
        Section(
            "Risk: loss of control over data",
            (
                shared.ACCESS,
                shared.ERASURE,
                shared.LEGAL_HOLD,
                shared.COPIES_HOLD_ALL,
                shared.FILES_PRIVATE,
                shared.NOTHING_IN_LOGS,
            ),
        ),
        Section(
            "Measures (points c and d)",
            (shared.PAUSE,),
            "likelihood and severity of each risk, the remaining risk, views of the people concerned or their "
            "representatives "
            "(Article 35(9)), and whether prior consultation is needed (Article 36).",
        ),
    ),
)
