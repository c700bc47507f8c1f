"""The language of a header: systems write the names of columns in the language of whoever exports them.

Belongs here: words of headers per language, and the language that a header proves.
Does not belong here: headers that an adapter declares in several languages (the adapters).
"""

import re
import unicodedata
from collections.abc import Sequence

# Words of headers in exports of people, work and courses that are no English words.
_WORDS = {
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
_KNOWN_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
# So many headers in another language prove it; one may be a column that the company added.
MIN_HEADERS = 2


def foreign_headers(headers: Sequence[str], read: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Return the language or script of a header, and the headers that prove it; None if it may be English.

    Args:
        headers: The headers of a file.
        read: The headers that the adapter reads. A language of several of them does not count: it is no reason why
            others are missing.
    """
    proofs = _headers_by_language(headers)
    for language, proving in _headers_by_language(read).items():
        if len(proving) >= MIN_HEADERS:
            proofs.pop(language, None)
    most = max(map(len, proofs.values()), default=0)
    if most < MIN_HEADERS:
        return None
    likely = [language for language, proving in proofs.items() if len(proving) == most]
    return " or ".join(likely), proofs[likely[0]]


def _headers_by_language(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the headers with a word of each language, or with a letter of each script that is not Latin."""
    languages: dict[str, tuple[str, ...]] = {}
    for header in headers:
        words = set(re.findall(r"\w+", header.casefold()))
        for language in (*(name for name, listed in _KNOWN_WORDS.items() if words & listed), *_scripts(header)):
            languages[language] = (*languages.get(language, ()), header)
    return languages


def _scripts(header: str) -> set[str]:
    """Return the scripts of the letters that are not Latin, such as `Cyrillic letters`."""
    names = (unicodedata.name(letter, "LATIN") for letter in header if letter.isalpha())
    return {f"{re.split('[ -]', name)[0].title()} letters" for name in names if not name.startswith("LATIN")}
