"""Planted truth for practice: cuts on a known date, quiet units, a tool in half of the units."""
