"""People's answers as rows of landing files, which the next run reads."""
