"""The command `footsteps badge`: badges that people ask for."""
