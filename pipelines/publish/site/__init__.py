"""Static HTML pages of one snapshot: a page per person, a page per team, and a page about the run."""
