"""Feedback systems, one file each."""
