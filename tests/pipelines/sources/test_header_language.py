"""A file in another language is refused with the language as the reason, not with a column of another form."""

from pathlib import Path

import pytest

from pipelines.sources.adapter import all_adapters, get_adapter, read_export
from pipelines.sources.declaration import Adapter
from pipelines.sources.header_language import foreign_headers
from pipelines.sources.readers.files import ExportRefused

ROW = "2026-03-02 09:00"


def refusal(path: Path, header: str, system: str) -> str:
    path.write_text(f"{header}\n{','.join([ROW] * len(header.split(',')))}\n")
    with pytest.raises(ExportRefused) as caught:
        read_export(path, get_adapter(system))
    return str(caught.value)


@pytest.mark.parametrize(
    ("system", "header", "language"),
    [
        ("moodle", "Zeit,Vollständiger Name,Kontext,Ereignisname,Beschreibung", "in German (Zeit, Vollständiger Name,"),
        ("moodle", "Hora,Nombre completo del usuario,Usuario afectado,Evento", "in Spanish ("),
        ("moodle", "Heure,Nom complet,Utilisateur touché,Contexte de l'événement", "in French ("),
        ("moodle", "Время,Полное имя пользователя,Событие", "in Cyrillic letters ("),
        ("moodle", "時間,ユーザフルネーム,イベント名", "letters (時間,"),
        ("toggl", "Utilisateur,Projet,Tâche,Heure de début,Durée", "in French ("),
        ("jira", "Zusammenfassung,Vorgangsschlüssel,Bearbeiter,Erstellt", "in German ("),
    ],
)
def test_a_header_in_another_language_is_the_reason(tmp_path: Path, system: str, header: str, language: str) -> None:
    message = refusal(tmp_path / "export.csv", header, system)
    assert message.startswith("export.csv cannot be read: its header is in")
    assert language in message
    assert "export it in English" in message


def test_a_missing_column_stays_the_reason_if_the_file_has_others(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    message = refusal(path, "eventname,courseid,Kurs,Beschreibung", "moodle")
    assert message.startswith("export.csv has no column timecreated")
    assert "its header is in German (Kurs, Beschreibung)" in message
    # One such column may be the company's own.
    assert "German" not in refusal(path, "eventname,courseid,Kurs,description", "moodle")


def test_a_language_that_the_adapter_reads_is_no_reason(tmp_path: Path) -> None:
    message = refusal(tmp_path / "export.csv", "Datum,Projekt,Aktivität,Stunden,Kommentar", "redmine")
    assert "has no column user.id or User or Benutzer" in message
    assert "German" not in message


@pytest.mark.parametrize(
    "adapter", [adapter for adapter in all_adapters().values() if adapter.shapes], ids=lambda adapter: adapter.system
)
def test_no_header_of_an_adapter_proves_another_language_but_that_which_it_reads(adapter: Adapter) -> None:
    for shape in adapter.shapes:
        headers = [header for field_map in shape.fields for header in field_map.all_headers]
        assert foreign_headers(headers, headers) is None
        if adapter.system != "redmine":
            assert foreign_headers(headers, []) is None
