"""HR systems, one file each."""
