"""The lake on disk: files, their layout, change log, run state and atomic writes."""
