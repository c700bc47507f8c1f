"""`footsteps badge`: issues, revokes and checks badges.

Belongs here: reading configuration and key, the lock, writing the badge, printing.
Does not belong here: which badge may be issued and what it says (`assets.badges`).
"""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from assets.badges.issuing import BadgeOffice, BadgeRefused
from assets.badges.requests import RequestUnreadable
from assets.badges.signing import KeyUnusable, read_issuer_key
from assets.badges.status_list import StatusListFull
from assets.checks.exit_codes import ExitCode
from assets.cli.feedback.reply import find_skill_id
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, load_current_snapshot, resolve_landing_folder
from pipelines.config.settings import Settings
from pipelines.ingest.landing import list_landing_files
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake

T = TypeVar("T")
_DECLARATION = """declare badges in footsteps.yaml:
badges:
  issuer: Acme
  url: https://badges.acme.example/
  requests: "badges/*.csv\""""


def issue_badge(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    person_id: str,
    skill_text: str,
    output_folder: Path,
    now: datetime,
    as_json: bool,
) -> None:
    """Issue the badge that a person asked for, and remove the request.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        person_id: The person.
        skill_text: skill_id or name of the micro-skill.
        output_folder: Folder for the signed badge, outside the data root: the badge belongs to the person.
        now: The time, in UTC.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: There is no key, no standing request, or nothing that the badge could state.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    if output_folder.resolve().is_relative_to(settings.root):
        raise CommandFailed(f"name a folder outside the data root {settings.root}: --output FOLDER")
    office = _open_office(settings)
    landing_path = resolve_landing_folder(settings, load_config(settings))
    skill_id = find_skill_id(settings, skill_text)
    snapshot = load_current_snapshot(settings)

    def issue() -> tuple[str, Path, str]:
        request_paths = list_landing_files(landing_path, office.options.requests)
        badge_id, token, badge_request = office.issue(snapshot, request_paths, person_id, skill_id, now)
        badge_path = output_folder / f"{badge_id.removeprefix('urn:uuid:')}.jwt"
        write_text_atomically(badge_path, token + "\n")
        credential_json = json.dumps(office.read_credential(token), indent=1, ensure_ascii=False)
        write_text_atomically(badge_path.with_suffix(".json"), credential_json + "\n")
        office.forget_request(request_paths, person_id, skill_id)
        return badge_id, badge_path, badge_request.evidence_level

    badge_id, badge_path, evidence_level = _run_locked(settings, issue)
    print_result(
        {
            "badge_id": badge_id,
            "file": str(badge_path),
            "evidence_level": evidence_level,
            "public_folder": str(office.public_folder),
        },
        f"{badge_id} is in {badge_path}, and readable beside it as JSON; evidence: {evidence_level}.\n"
        f"Publish {office.public_folder} at {office.options.url}: readers check the badge with it.",
        as_json,
    )


def revoke_badge(data_root: Path | None, config_file: Path | None, badge: str, now: datetime, as_json: bool) -> None:
    """Revoke a badge, by its id or its file.

    Raises:
        CommandFailed: There is no such badge.
    """
    settings = resolve_settings(data_root, config_file)
    office = _open_office(settings)

    def revoke() -> str:
        badge_path = Path(badge)
        if badge_path.is_file():
            return office.revoke_token(_read_badge(badge_path), now)
        office.revoke(badge, now)
        return badge

    badge_id = _run_locked(settings, revoke)
    print_result(
        {"badge_id": badge_id, "public_folder": str(office.public_folder)},
        f"{badge_id} is revoked. Publish {office.public_folder} at {office.options.url}: readers learn it from there.",
        as_json,
    )


def verify_badge(
    data_root: Path | None, config_file: Path | None, badge_path: Path, now: datetime, as_json: bool
) -> None:
    """Check a badge of this company.

    Raises:
        CommandFailed: The badge was changed, has ended or is revoked, or is none of this company.
    """
    settings = resolve_settings(data_root, config_file)
    office = _open_office(settings)
    try:
        badge_id, badge_state = office.check(_read_badge(badge_path), now)
    except BadgeRefused as error:
        raise CommandFailed(f"{badge_path.name}: {error}") from error
    print_result({"badge_id": badge_id, "state": badge_state}, f"{badge_id} is {badge_state}", as_json)
    if badge_state != "valid":
        raise CommandFailed(f"{badge_path.name} is {badge_state}")


def _open_office(settings: Settings) -> BadgeOffice:
    badge_options = load_config(settings).badges
    if badge_options is None:
        raise CommandFailed(_DECLARATION, ExitCode.CONFIGURATION)
    try:
        issuer_key = read_issuer_key(os.environ.get(badge_options.key_variable), badge_options.key_variable)
    except KeyUnusable as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error
    return BadgeOffice(settings.root, Lake(settings.lake_path), badge_options, issuer_key)


def _run_locked(settings: Settings, action: Callable[[], T]) -> T:
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    try:
        with exclusive_lock(settings.lock_path):
            return action()
    except (BadgeRefused, RequestUnreadable, StatusListFull) as error:
        raise CommandFailed(str(error)) from error


def _read_badge(badge_path: Path) -> str:
    try:
        return badge_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{badge_path.name} cannot be read: name the file that was issued") from error
