"""Benchmarks of what is published: the cost of targets, readers during publications, pages, the web application."""
