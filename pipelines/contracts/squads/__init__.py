"""Openings, matches and free choice: their columns, and the origins of these."""
