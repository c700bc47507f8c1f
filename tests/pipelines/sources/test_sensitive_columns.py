"""Private columns that vendors document are never read, and columns of the work itself are."""

import pytest

from pipelines.sources.sensitive_columns import sensitive_class

# Documented names, per vendor, of what nobody's development needs.
PRIVATE = {
    "ADP": "person.governmentIDs[*].idValue person.birthDate person.genderCode.codeValue person.raceCode.codeValue "
    "person.maritalStatusCode.codeValue person.ethnicityCode.codeValue person.militaryClassificationCodes "
    "person.tobaccoUserIndicator person.disabledIndicator person.legalAddress.lineOne "
    "person.communication.emails[*].emailUri workAssignments[*].baseRemuneration.annualRateAmount.amountValue "
    "workAssignments[*].payCycleCode.codeValue",
    "Oracle HCM": "DateOfBirth Ethnicity Gender MaritalStatus NationalIdType NationalId CitizenshipStatus Religion "
    "ReligionId PassportNumber LicenseNumber DriversLicenseId MilitaryVetStatus AddressLine1 PostalCode SalaryAmount",
    "UKG Pro": "ssn dateOfBirth gender ethnicDescription isSmoker disabilityType militaryBranchServed addressLine1 "
    "emailAddressAlternate homePhone",
    "Zoho People": "Date_of_birth Age Gender Marital_status Blood_group Present_Address Permanent_Address Other_Email",
    "Sage HR": "date_of_birth gender nationality marital_status tax_number personal_identification_number post_code "
    "home_phone street_first",
    "Gusto": "ssn has_ssn date_of_birth garnishments jobs[*].rate jobs[*].compensations[*].rate home_address.street_1",
}
WORK = (
    "businessCommunication.emails[*].emailUri workAssignments[*].jobTitle completion_ratio learning_hours "
    "rate_of_pages course_completion email work_email postal address_book license managed_by"
)


@pytest.mark.parametrize("vendor", PRIVATE)
def test_documented_private_columns_are_denied(vendor: str) -> None:
    assert not [column for column in PRIVATE[vendor].split() if sensitive_class(column) is None]


def test_columns_of_the_work_are_not_denied() -> None:
    assert not [column for column in WORK.split() if sensitive_class(column)]
