"""The command `footsteps pack`: the documentation pack of a company."""
