"""Dagster resources, and the metadata, lineage and locks of a run."""
