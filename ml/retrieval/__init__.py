"""Scorers of items for a person, one small estimator a file.

Belongs here: estimators with fit(histories) and score(prefixes) → dense rows x items block, higher is likelier next.
Does not belong here: choosing among scorers, learning from their scores.
"""
