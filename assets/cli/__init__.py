"""The command line `footsteps`: its app, and one module per command."""
