"""The list of documents.

Belongs here: which documents the pack has.
Does not belong here: their content.
"""

from assets.pack.documents.explanation_of_logic import EXPLANATION_OF_LOGIC
from assets.pack.documents.impact_assessment import IMPACT_ASSESSMENT
from assets.pack.documents.information_for_people import INFORMATION_FOR_PEOPLE
from assets.pack.documents.record_of_processing import RECORD_OF_PROCESSING
from assets.pack.documents.technical_documentation import TECHNICAL_DOCUMENTATION
from assets.pack.documents.works_agreement import WORKS_AGREEMENT
from assets.pack.statements import PackDocument

DOCUMENTS: tuple[PackDocument, ...] = (
    RECORD_OF_PROCESSING,
    INFORMATION_FOR_PEOPLE,
    EXPLANATION_OF_LOGIC,
    IMPACT_ASSESSMENT,
    TECHNICAL_DOCUMENTATION,
    WORKS_AGREEMENT,
)
