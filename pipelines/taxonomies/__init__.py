"""Readers of published skill taxonomies, one module per publisher, and the choice that footsteps.yaml declares."""
