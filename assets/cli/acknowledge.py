"""`footsteps acknowledge`: ends the report of refused files that nobody will replace.

Belongs here: the lock, and printing what was acknowledged.
Does not belong here: which refusals are open (`pipelines.ingest.refusals`).
"""

from datetime import datetime
from pathlib import Path

from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.ingest.refusals import acknowledge_refusals
from pipelines.storage.lake import Lake


def acknowledge(
    source_name: str,
    file_names: list[str],
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    now: datetime,
    as_json: bool,
) -> None:
    """Acknowledge refused files of a source; all of them if no file is named.

    Raises:
        CommandFailed: If the source is not declared, or a named file has no open refusal.
    """
    # imported here because it takes seconds
    from assets.resources.locking import exclusive_lock

    settings = resolve_settings(data_root, config_file, landing_folder)
    company_config = load_config(settings)
    source = next((source for source in company_config.sources if source.name == source_name), None)
    if source is None:
        known_sources_text = ", ".join(source.name for source in company_config.sources)
        raise CommandFailed(f"footsteps.yaml has no source {source_name!r}: it has {known_sources_text}")
    with exclusive_lock(settings.lock_path):
        acknowledged_names = acknowledge_refusals(
            Lake(settings.lake_path),
            source,
            resolve_landing_folder(settings, company_config),
            file_names,
            now,
        )
    if unmatched_names := sorted(set(file_names) - set(acknowledged_names)):
        raise CommandFailed(f"{source_name}: no open refusal of {', '.join(unmatched_names)}: see `footsteps doctor`")
    summary_sentence = (
        f"{source_name}: acknowledged {', '.join(acknowledged_names)}" if acknowledged_names else "no refusal is open"
    )
    print_result({"source": source_name, "acknowledged": acknowledged_names}, summary_sentence, as_json)
