"""Benchmarks and their tools: they need a checkout and are not part of the wheel."""
