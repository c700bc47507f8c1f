"""The language of a header: systems write the names of columns in the language of whoever exports them.

Belongs here: words of headers per language, and the language that a header proves.
Does not belong here: headers that an adapter declares in several languages (the adapters).
"""

import re
import unicodedata
from collections.abc import Sequence

# Words of headers in exports of people, work and courses that are no English words.
_HEADER_WORDS = {
    "German": "abteilung aktualisiert aufgabe bearbeiter beginn benutzer benutzername beschreibung betroffene "
    "bewertung datum dauer ende ereignisname erstellt fällig herkunft komponente kontext kunde kurs lösung mitarbeiter "
    "nachname personalnummer projekt schlüssel stunden tätigkeit vollständiger vorgangsschlüssel vorname zeit "
    "zusammenfassung",
    "French": "adresse clé composant contexte courriel cours créé créée début durée employé fin heure heures "
    "matricule nom origine prénom projet résumé salarié statut tâche touché utilisateur événement évènement",
    "Spanish": "actualizada afectado apellido apellidos clave completo componente contexto correo creada curso "
    "departamento descripción duración electrónico empleado estado evento fecha fin hora horas inicio nombre origen "
    "proyecto resumen tarea usuario",
    "Portuguese": "afetado apelido atualizado chave colaborador completo componente contexto criado curso descrição "
    "duração evento funcionário hora horas início nome origem projecto projeto resumo sobrenome tarefa término "
    "usuário utilizador",
    "Italian": "aggiornato attività chiave cognome coinvolto componente contesto corso creato descrizione "
    "dipendente durata evento fine inizio nome ora ore origine progetto reparto riepilogo stato utente",
    "Dutch": "achternaam afdeling beschrijving bijgewerkt cursus datum duur einde gebeurtenis gebruiker gemaakt "
    "herkomst medewerker naam oorsprong samenvatting sleutel taak tijd uren voornaam",
    "Polish": "czas dział godziny imię klucz kurs nazwa nazwisko opis pochodzenie pracownik projekt użytkownik "
    "utworzono zadanie zdarzenie",
}
_WORDS_BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _HEADER_WORDS.items()}
# So many headers in another language prove it; one may be a column that the company added.
MIN_HEADERS = 2


def foreign_headers(headers: Sequence[str], read_headers: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Return the language or script of a header, and the headers that prove it; None if it may be English.

    Args:
        headers: The headers of a file.
        read_headers: The headers that the adapter reads. A language of several of them does not count: it is no reason
            why others are missing.
    """
    headers_by_language = _headers_by_language(headers)
    for language, proving_headers in _headers_by_language(read_headers).items():
        if len(proving_headers) >= MIN_HEADERS:
            headers_by_language.pop(language, None)
    highest_header_count = max(map(len, headers_by_language.values()), default=0)
    if highest_header_count < MIN_HEADERS:
        return None
    likely_languages = [
        language
        for language, proving_headers in headers_by_language.items()
        if len(proving_headers) == highest_header_count
    ]
    return " or ".join(likely_languages), headers_by_language[likely_languages[0]]


def _headers_by_language(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the headers with a word of each language, or with a letter of each script that is not Latin."""
    headers_by_language: dict[str, tuple[str, ...]] = {}
    for header in headers:
        header_words = set(re.findall(r"\w+", header.casefold()))
        for language in (
            *(
                matching_language
                for matching_language, language_words in _WORDS_BY_LANGUAGE.items()
                if header_words & language_words
            ),
            *_non_latin_scripts(header),
        ):
            headers_by_language[language] = (*headers_by_language.get(language, ()), header)
    return headers_by_language


def _non_latin_scripts(header: str) -> set[str]:
    """Return the scripts of the letters that are not Latin, such as `Cyrillic letters`."""
    letter_names = (unicodedata.name(letter, "LATIN") for letter in header if letter.isalpha())
    return {
        f"{re.split('[ -]', letter_name)[0].title()} letters"
        for letter_name in letter_names
        if not letter_name.startswith("LATIN")
    }
