"""Immutable snapshots of the published tables: writer, reader, row metadata and release checks."""
