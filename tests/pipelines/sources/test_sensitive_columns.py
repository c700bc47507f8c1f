"""Private columns that vendors document are never read, and columns of the work itself are."""

import pytest

from pipelines.sources.adapter import all_adapters
from pipelines.sources.field_text import headers_read_by
from pipelines.sources.sensitive_columns import ORDINARY, sensitive_class, sensitive_terms

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
# Headers per language as people write them: compounds, capitals, signs, with and without accents, abbreviations.
PERSONAL = {
    "en": "Trade Union Member, dateOfBirth, BIRTH_DATE, birthplace, NI Number, SIN, National Insurance No., paygrade, "
    "Union code, Country of origin, sickLeaveDays, Wages, person.ssn, d.o.b., SSN2",
    "de": "Gehaltsband, Jahresgehalt, Gehaelter, Geburtsdatum, geb. am Geburtsort, GebDatum, GEBDAT, Steuer-ID, "
    "Lohnsteuerklasse, Konfession, Religionszugehörigkeit, Religionszugehoerigkeit, Gewerkschaftsmitglied, "
    "Staatsangehoerigkeit, Nationalität, Nationalitaet, Geschlecht, geschlecht_mw, Schwerbehinderung, Krankentage, "
    "SV-Nummer, SVNr, Sozialversicherungsnummer, Vergütung, Verguetung, Grad der Behinderung, Anrede, AHV-Nr., KiSt",
    "fr": "Salaire brut, Rémunération, remuneration_annuelle, Date de naissance, dateNaissance, Né(e) le, Sexe, "
    "Nationalité, N° de sécurité sociale, NIR, Situation de famille, Syndicat, Arrêt maladie, RQTH, Civilité",
    "es": "Salario, Sueldo base, Fecha de nacimiento, fechaNacimiento, fecha_nac, F.Nac., Sexo, Género, DNI, NIF, "
    "Nº DNI, Seguridad Social, Afiliación sindical, Discapacidad, Nacionalidad, Religión, Nómina, Edad",
    "it": "Stipendio, Retribuzione, RAL, Data di nascita, dataNascita, Luogo nascita, Sesso, Età, Codice Fiscale, "
    "cod_fiscale, codicefiscale, Cittadinanza, Tessera sindacale, Malattia, Invalidità, Stato civile",
    "pt": "Salário, salario_base, Remuneração, Data de nascimento, dt_nasc, Sexo, CPF, NIF, NISS, Raça/Cor, "
    "Sindicato, Deficiência, Estado civil, Religião, Idade",
    "nl": "Brutosalaris, Maandloon, Loonschaal, Geboortedatum, geboorte_plaats, Geslacht, BSN, Burgerservicenummer, "
    "Nationaliteit, Vakbondslid, Ziekteverzuim, Godsdienst, Burgerlijke staat, Leeftijd",
    "pl": "Wynagrodzenie, Płaca zasadnicza, placa_zasadnicza, Data urodzenia, Data ur., Płeć, plec, PESEL, NIP, "
    "Obywatelstwo, Związek zawodowy, Wyznanie, Niepełnosprawność, niepelnosprawnosc, Wiek",
    "cs": "Mzda, hrubá mzda, Plat, Datum narození, datum_narozeni, dat. nar., Pohlaví, Rodné číslo, rodne_cislo, RČ, "
    "Národnost, Státní příslušnost, Členství v odborech, Zdravotní pojišťovna, Náboženství, Věk",
    "sv": "Lön, Månadslön, manadslon, Lönegrupp, Födelsedatum, foedelsedatum, Kön, Personnummer, person_nummer, "
    "Medborgarskap, Fackförbund, Sjukfrånvaro, Funktionsnedsättning, Civilstånd, Ålder",
    "ro": "Salariu brut, Data nașterii, data_nasterii, Data naşterii, Sex, CNP, Cod numeric personal, Cetățenie, "
    "Sindicat, Religie, Handicap, Concediu medical, Stare civilă, Vârstă",
    "el": "Μισθός, ΜΙΣΘΟΔΟΣΙΑ, Ημερομηνία γέννησης, ΗΜΕΡΟΜΗΝΙΑ ΓΕΝΝΗΣΗΣ, Φύλο, ΑΦΜ, Α.Φ.Μ., AFM, ΑΜΚΑ, Υπηκοότητα, "
    "Θρήσκευμα, Συνδικαλιστική οργάνωση, Αναπηρία, Ηλικία, Οικογενειακή κατάσταση",
}
# Headers of people, work and courses that hold a sensitive word's letters, or look like one in another language.
ORDINARY_HEADERS = {
    "en": "Origin, Course of birth, Credit Union, Company, Project health, Health and safety, Sussex, Essex office, "
    "Page, Stage, Manager, Usage, Language, Trace, Terrace, Brace, Race condition, Grace period, Paying attention, "
    "ETA, Longitude, Latitude, lon, Single sign-on, Since, Business unit, Ticket age (days), Invalid, Comparison, "
    "Team role, Provisioning, Taxonomy, Syndication, Reunion, Union Investment",
    "de": "Betreff, Belohnung, Wahrheitsgehalt, Abgehalten am, Steuerung, Steuerkreis, Herkunft, Personalnummer, "
    "Pers.-Nr., Mitarbeiterausweisnummer, Verbraucher, Altersversion, Alternative, Terrasse, Technik, Referenten, "
    "Gebiet, Gebäude, Geber, Enthalten, Vertrag, Verwaltung, Abteilung, Kostenstelle, Stundenzahl, Hereinkommend",
    "fr": "Origine, Pays, Salarié, Employé, Matricule, Politique de sécurité, Santé et sécurité, Prime Video, Projet, "
    "Syndication, Paysage, Durée, Échéance, Confessionnal, Sexagénaire",
    "es": "Origen, Sin asignar, Horas sin proyecto, Empleado, Días, Clave, Estado, Generación, General, "
    "Seguridad y salud, Placa, Responsable, Nivel",
    "it": "Origine, Generale, Utente disabilitato, Numero utente, Livello, Sessione, Sede, Salute e sicurezza, "
    "Generatore, Premio, Classe",
    "pt": "Origem, Sexta-feira, Data de vencimento, Corrente, Classe, Setor, Departamento, Saúde e segurança, "
    "Geração, Utilizador, Ordenado por",
    "nl": "Herkomst, Oorsprong, Ziekenhuis, Balloon, Saloon, Klooncode, Personeelsnummer, Afdeling, Beperking, Plan, "
    "Kon, Partner, Grasveld",
    "pl": "Pochodzenie, Liczba dni, Dni robocze, Nie dotyczy, Płatność, Pracownik, Wiekszosc, Dział, Stanowisko, "
    "Wyznaczony",
    "cs": "Původ, Odbor, Odbory, Nemocnice, Platforma, Odborník, Počet dní, Oddělení, RC1, Platnost",
    "sv": "Ursprung, Sjukhus, Konto, Kontor, Lonely, Anställningsnummer, Avdelning, Fackområde, Ålderstigen",
    "ro": "Origine, Sarcină, Salariat, Angajat, Departament, Generic, Copii de rezervă, Prima versiune, Durata",
    "el": "Προέλευση, Κριτήρια αποδοχής, Φύλλο, Εργαζόμενος, Τμήμα, Έργο, Ώρες",
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


@pytest.mark.parametrize("language", PERSONAL)
def test_personal_columns_are_denied_in_every_language(language: str) -> None:
    assert not [header for header in PERSONAL[language].split(", ") if sensitive_class(header) is None]


@pytest.mark.parametrize("language", ORDINARY_HEADERS)
def test_ordinary_columns_are_read_in_every_language(language: str) -> None:
    denied = {header: sensitive_class(header) for header in ORDINARY_HEADERS[language].split(", ")}
    assert not {header: class_name for header, class_name in denied.items() if class_name}


@pytest.mark.parametrize("system", all_adapters())
def test_no_column_that_an_adapter_reads_is_denied(system: str) -> None:
    adapter = all_adapters()[system]
    headers = {*adapter.signature, *(header for shape in adapter.shapes for header in headers_read_by(shape))}
    assert not [header for header in headers if sensitive_class(header)]


def test_a_name_of_a_path_is_compared_like_a_whole_name() -> None:
    headers = ("employee.sin", "records[*].dni", "sin_asignar", "records[*].dias")
    assert [sensitive_class(header) for header in headers] == ["state_id", "state_id", None, None]


def test_the_longest_term_decides_the_class() -> None:
    headers = ("Trade union religion survey", "Country of birth", "Krankenversicherungsnummer", "Steuer-ID", "Sex")
    assert [sensitive_class(header) for header in headers] == ["union", "birth", "health", "state_id", "sex"]


def test_every_term_denies_a_column_of_its_name_and_is_declared_once() -> None:
    entries = [(entry.language, entry.match_kind, entry.term.casefold()) for entry in sensitive_terms()]
    assert len(entries) == len(set(entries))
    expected_classes = [None if entry.class_name == ORDINARY else entry.class_name for entry in sensitive_terms()]
    assert [sensitive_class(entry.term) for entry in sensitive_terms()] == expected_classes
    assert {entry.language for entry in sensitive_terms()} == set(PERSONAL)
