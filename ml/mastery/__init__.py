"""From evidence to stages, levels, half-lives and steps: what each person masters as of a date."""
