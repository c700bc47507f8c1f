"""Benchmarks of squads: proposals against the planted truth, and the cost of openings and matches."""
