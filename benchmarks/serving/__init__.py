"""Benchmarks of the web application."""
