"""Squads that people choose: openings in work, matches, proposals for planners, and the time of free choice."""
