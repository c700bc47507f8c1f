"""Exports as the vendors write them, mapped onto the canonical shapes."""
