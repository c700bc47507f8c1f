"""Benchmarks of landing: one large file of a system, and the exports of a demo company."""
