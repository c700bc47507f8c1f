"""Taxonomies, one file each."""
