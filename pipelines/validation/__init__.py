"""Validation of tables by their contracts: the quarantine of bad rows, and Great Expectations on Polars.

Belongs here: the split into good and bad rows, contract to suite, its engine, validation results, Data Docs.
Does not belong here: the rules themselves (`pipelines.contracts`).

Importing this package imports nothing. Great Expectations takes seconds, so import `expectations`, `polars_engine`,
`rule_expectation` and `data_docs` only if a validation runs; `quarantine` and `validation_result` do not import it.
"""
