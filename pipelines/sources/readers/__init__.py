"""One module per file format: each turns a file into a table of text, whatever system wrote it."""
