"""Contracts judged by Great Expectations, on Polars.

Belongs here: contract to suite, the engine that runs it, verdicts, Data Docs, and what validation costs.
Does not belong here: the rules themselves (`pipelines.contracts`), and keeping bad rows out
(`pipelines.validation.quarantine`).

Importing this package imports nothing: Great Expectations takes seconds, so `expectations`, `polars_engine`,
`pandas_engine`, `rule_expectation` and `docs` are imported where a validation runs. `verdict` is cheap.
"""
