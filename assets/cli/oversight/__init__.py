"""Commands of those who oversee the product: audits by group.

Belongs here: the commands, and what they read and print.
Does not belong here: the measures (`ml.fairness`).
"""
