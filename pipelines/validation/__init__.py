"""Validation of tables by their contracts: rules over rows, the quarantine, and Great Expectations on the counts.

Belongs here: the split into good and bad rows, counts, contract to suite, its engine, validation results, Data Docs.
Does not belong here: the rules themselves (`pipelines.contracts`).

Importing this package imports nothing. Great Expectations takes seconds: import `expectations`, `rule_counts_engine`,
`rule_expectation` and `data_docs` only if counts are validated; the other modules do not import it.
"""
