"""Benchmarks of erasure and access."""
