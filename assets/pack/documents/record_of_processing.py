"""The record of processing activities.

Belongs here: what Article 30(1) GDPR asks of a controller.
Does not belong here: what people are told (`information_for_people`).
"""

from assets.pack.documents import shared
from assets.pack.statements import CODE, COLUMN, COMMAND, CONFIG, TEST, PackDocument, Section, state

RECORD_OF_PROCESSING = PackDocument(
    "record_of_processing",
    "Record of processing activities",
    "Article 30(1) GDPR",
    (
        Section(
            "Controller",
            (
                state("Company: {company}.", company=CONFIG("company")),
                state("Owner of the published tables: {owner}.", owner=CONFIG("contracts.owner")),
            ),
            "name and contact details of the controller and of the data protection officer.",
        ),
        Section("Purposes", (shared.PURPOSE, shared.DEVELOPMENT_ONLY), "the legal basis of each purpose (Article 6)."),
        Section(
            "Categories of people and of data",
            (
                state(
                    "People are those whom the exports name: employees, people who left, and accounts that work for "
                    "them.",
                    status=COLUMN("core_hr__entity_person.employment_status"),
                    account=COLUMN("core_identity__assn_account.account_code"),
                ),
                state(
                    "Each column has one class; a column that nobody declared counts as personal.",
                    code=CODE("pipelines.contracts.classification:DataClass"),
                    test=TEST(
                        "tests/pipelines/contracts/test_classification.py::"
                        "test_the_class_of_a_column_depends_on_whom_its_row_names"
                    ),
                ),
                shared.DENIED_COLUMNS,
                shared.COPIES_HOLD_ALL,
            ),
            table_name="processing",
        ),
        Section("Sources", (), table_name="sources"),
        Section(
            "Recipients",
            (
                shared.SEEN_BY,
                shared.SITE_READERS,
                shared.NO_NAMES_PUBLISHED,
                state("PostgreSQL: {target}.", target=CONFIG("publish.postgresql")),
                state("Bucket: {target}.", target=CONFIG("publish.object_store")),
                state("Change feed to other systems: {target}.", target=CONFIG("publish.webhook")),
                state("Run lineage to another system: {target}.", target=CONFIG("monitoring.openlineage")),
            ),
            "recipients behind these systems, and transfers to third countries with their safeguards.",
            "recipients",
        ),
        Section(
            "Time limits for erasure",
            (
                shared.RAW_DAYS,
                shared.PUBLISHED_DAYS,
                shared.LOG_DAYS,
                shared.LEGAL_HOLD,
                shared.NO_PERIOD,
                shared.ERASURE,
            ),
        ),
        Section(
            "Technical and organisational measures (Article 32(1))",
            (
                shared.FILES_PRIVATE,
                shared.NOTHING_IN_LOGS,
                state(
                    "Secrets are environment variables; messages replace their values by the variable's name.",
                    code=CODE("pipelines.config.secrets:redact_secrets"),
                ),
                state(
                    "A model bundle is loaded only if it is a skops file with listed types that matches its card.",
                    code=CODE("ml.registry.model_bundle:load_bundle"),
                    test=TEST(
                        "tests/ml/registry/test_model_bundle.py::"
                        "test_a_pickle_is_refused_unopened_even_if_the_card_holds_its_hash"
                    ),
                ),
                state("`{command}` copies the lake and the snapshot of a bucket back.", command=COMMAND("restore")),
            ),
            "encryption of disks and connections, access to the machine, and its backups.",
        ),
    ),
)
