"""Benchmarks of lists: their variety, and how far people get who follow them."""
