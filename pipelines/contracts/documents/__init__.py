"""Contracts as documents: the standard's files, the data dictionary, released versions, terms, events of the feed."""
