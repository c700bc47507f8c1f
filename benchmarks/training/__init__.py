"""Benchmarks of training: how much the ranker learns from how many rows, and what a refit costs in accuracy."""
