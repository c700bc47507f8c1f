"""Project and time systems, one file each."""
