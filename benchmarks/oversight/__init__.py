"""Benchmarks of oversight: what an audit finds of planted bias.

Belongs here: simulations with a known truth.
Does not belong here: the audit itself (`ml.fairness`).
"""
