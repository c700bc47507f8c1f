"""Contracts of the practice of units and of each person."""
