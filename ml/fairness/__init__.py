"""Measures of an audit: how recommendations and examples differ between groups of people, and what features reveal.

Belongs here: groups, rates, calibration and predictability by group, with intervals, and what of them may be shown.
Does not belong here: where attributes and tables are read (`assets.cli.oversight`), the report (`assets.reporting`).
"""
