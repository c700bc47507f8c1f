"""Schedules, sensors, alerts and the selection of assets for a run."""
