"""The information for the people whose data are processed.

Belongs here: what Articles 13 and 14 GDPR ask to be told.
Does not belong here: how a row came about (`explanation_of_logic`).
"""

from assets.pack.documents import shared
from assets.pack.statements import COLUMN, CONFIG, TEST, PackDocument, Section, state

INFORMATION_FOR_PEOPLE = PackDocument(
    "information_for_people",
    "Information for the people whose data are processed",
    "Articles 13 and 14 GDPR; Article 26(7) and 26(11) AI Act",
    (
        Section(
            "Who is responsible",
            (state("{company}.", company=CONFIG("company")),),
            "contact details of the controller and of the data protection officer.",
        ),
        Section(
            "What for",
            (shared.PURPOSE, shared.DEVELOPMENT_ONLY, shared.OWN_LIST, shared.SUGGESTION),
            "the legal basis, and the legitimate interests if it is Article 6(1)(f).",
        ),
        Section(
            "Which data, and from where (Article 14)",
            (
                state(
                    "You need not fill in a profile: the data come from systems of the company. What you state "
                    "yourself "
                    "(wishes, replies, consents, preferences) is used in addition.",
                    wish=COLUMN("core_wish__event_aspiration.wish_weight"),
                    reply=COLUMN("core_wish__event_reply.reply_kind"),
                    consent=COLUMN("core_wish__event_consent.consent_status"),
                    preference=COLUMN("core_wish__event_preference.is_opted_out"),
                ),
                shared.DENIED_COLUMNS,
                shared.COPIES_HOLD_ALL,
            ),
            table_name="sources",
        ),
        Section("What is concluded about you", (), table_name="inferences"),
        Section(
            "Who sees it",
            (
                shared.SEEN_BY,
                shared.SITE_READERS,
                shared.COMPANION_CONSENT,
                shared.SMALL_GROUPS,
                shared.NO_NAMES_PUBLISHED,
            ),
            "which people and systems of the company read the published tables.",
            "recipients",
        ),
        Section(
            "How long",
            (shared.RAW_DAYS, shared.PUBLISHED_DAYS, shared.LOG_DAYS, shared.NO_PERIOD),
        ),
        Section(
            "What you can do",
            (
                shared.REPLIES,
                shared.OPT_OUT,
                shared.OPT_OUT_AT_ONCE,
                state(
                    "You may withdraw a consent at any time; the last statement counts, and of two at one moment the "
                    "refusal.",
                    status=COLUMN("core_wish__event_consent.consent_status"),
                    test=TEST(
                        "tests/pipelines/core/test_consents.py::"
                        "test_the_last_statement_counts_and_of_two_at_the_same_time_the_refusal"
                    ),
                ),
                shared.ACCESS,
                shared.ERASURE,
                shared.BADGES,
            ),
            "rights to rectification, restriction, objection and complaint, and whom to ask.",
        ),
        Section(
            "Automated processing",
            (shared.SUGGESTION, shared.PAUSE),
            "whether a decision with legal or similarly significant effect is based on it: the product makes none; "
            "what the "
            "company does with a row is for its counsel to assess (Article 22). The logic is in "
            "`explanation_of_logic`.",
        ),
    ),
)
