"""The commands of `footsteps bench` and their options."""
