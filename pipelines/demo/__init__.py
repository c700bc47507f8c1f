"""A seeded demo company, written as its vendors would write it."""
