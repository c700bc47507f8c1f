"""Renamed schedules and sensors stay switched on when a data root of an earlier version is opened.

Belongs here: former names, and the transfer of their stored state.
Does not belong here: the schedules and sensors (`assets.automation.schedules`, `assets.automation.sensors`).
"""

from dagster import DagsterInstance

from assets.automation.schedules import NIGHTLY_SCHEDULE

# The present name of each schedule and sensor, by its former name.
NAME_BY_FORMER_NAME = {
    "every_night_at_two": NIGHTLY_SCHEDULE,
    "nightly_0200": NIGHTLY_SCHEDULE,
    "files_that_landed": "landed_files_sensor",
    "tell_what_went_wrong": "alert_sensor",
    "carry_on_what_was_changed_by_hand": "backfill_downstream_sensor",
}


def transfer_instigator_states(instance: DagsterInstance) -> list[str]:
    """Switch on, under their present names, the schedules and sensors that run under a former name.

    Cursors and the time of the last schedule tick move along, so that no file is landed twice and no run is missed. A
    state that is stored under the present name already stays as it is.

    Args:
        instance: Dagster's instance of the data root.

    Returns:
        The present names of the schedules and sensors that were switched on.
    """
    instigator_states = instance.all_instigator_state()
    stored_selector_ids = {instigator_state.selector_id for instigator_state in instigator_states}
    switched_on_names = []
    for instigator_state in instigator_states:
        present_name = NAME_BY_FORMER_NAME.get(instigator_state.name)
        if present_name is None or not instigator_state.is_running:
            continue
        renamed_state = instigator_state._replace(origin=instigator_state.origin._replace(instigator_name=present_name))
        if renamed_state.selector_id not in stored_selector_ids:
            instance.add_instigator_state(renamed_state)
            switched_on_names.append(present_name)
        stop_instigator = instance.stop_schedule if present_name == NIGHTLY_SCHEDULE else instance.stop_sensor
        stop_instigator(instigator_state.instigator_origin_id, instigator_state.selector_id, None)
    return switched_on_names
