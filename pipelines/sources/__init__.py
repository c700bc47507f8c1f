"""Exports of systems as the vendors write them: their readers, and their mapping onto the canonical schemas."""
