"""Readers of file formats: each turns one file into a table of text, without knowing which system wrote it."""
