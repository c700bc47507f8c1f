"""The flow as Dagster sees it, and the front door."""
