"""The contracts: every column, rule, table and policy number, declared once and used by every other package."""
