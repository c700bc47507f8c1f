"""The annex for a works agreement.

Belongs here: what is processed, for what, who sees it, how long, and what is never done.
Does not belong here: the agreement itself, which the parties conclude.
"""

from assets.pack.documents import shared
from assets.pack.statements import CODE, COLUMN, TEST, PackDocument, Section, state

WORKS_AGREEMENT = PackDocument(
    "works_agreement_annex",
    "Annex for a works agreement (draft)",
    "a works agreement on the introduction and use of the system; in Germany, for example, § 87(1) no. 6 BetrVG",
    (
        Section("What is processed", (shared.DENIED_COLUMNS, shared.COPIES_HOLD_ALL), table_name="processing"),
        Section("From which systems", (), table_name="sources"),
        Section("For what", (shared.PURPOSE, shared.DEVELOPMENT_ONLY)),
        Section(
            "Who sees it",
            (shared.SEEN_BY, shared.SITE_READERS, shared.NO_NAMES_PUBLISHED, shared.SMALL_GROUPS, shared.FILES_PRIVATE),
            table_name="recipients",
        ),
        Section(
            "How long",
            (shared.RAW_DAYS, shared.PUBLISHED_DAYS, shared.LOG_DAYS, shared.LEGAL_HOLD, shared.NO_PERIOD),
        ),
        Section(
            "What the product never does",
            (
                shared.OWN_LIST,
                shared.SUGGESTION,
                shared.COMPANION_CONSENT,
                shared.NOTHING_IN_LOGS,
                state(
                    "No published table says who judged whom.",
                    code=CODE("pipelines.contracts.personal_columns:person_columns"),
                    test=TEST(
                        "tests/assets/pack/test_never_done.py::test_no_published_table_names_who_judged_somebody"
                    ),
                ),
                state(
                    "No published table orders people: a rank stands beside a person and a step.",
                    rank=COLUMN("out__next_skill.rank"),
                    test=TEST("tests/assets/pack/test_never_done.py::test_a_rank_is_in_the_list_of_one_person_alone"),
                ),
            ),
            "what the company undertakes never to do with the rows: no use in appraisal, pay, promotion or "
            "termination.",
        ),
        Section(
            "Rights of the people",
            (shared.REPLIES, shared.OPT_OUT, shared.OPT_OUT_AT_ONCE, shared.ACCESS, shared.ERASURE, shared.BADGES),
        ),
        Section(
            "Control",
            (shared.PAUSE, shared.AUDIT, shared.AUDIT_LIMITS),
            "who may stop the system, who receives the audit, and how often.",
            "audit",
        ),
        Section(
            "Changes",
            (
                state(
                    "Each published row names the version of model and policy by which it was made.",
                    model=COLUMN("out__next_skill.model_version"),
                    policy=COLUMN("out__next_skill.policy_version"),
                ),
            ),
            "which changes of footsteps.yaml need a new agreement.",
        ),
    ),
)
