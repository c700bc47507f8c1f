"""Publish targets: copies of the current snapshot for Delta, DuckDB, PostgreSQL, a bucket, a change feed and pages."""
