"""The lake on disk: table files and their layout, the change log, the run state, and atomic writes."""
