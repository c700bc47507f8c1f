"""Practice of units against their own past: season and staffing removed, changes with date and certainty, events."""
