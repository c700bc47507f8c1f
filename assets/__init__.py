"""The pipeline as Dagster sees it, and the command line."""
