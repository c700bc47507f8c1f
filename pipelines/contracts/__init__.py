"""The ground: every column, rule and table, declared once."""
