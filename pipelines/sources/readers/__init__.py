"""Readers that turn a file of any format into a table of text."""
