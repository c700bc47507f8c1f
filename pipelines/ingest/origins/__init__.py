"""Places outside of the landing folder where exports are dropped: how their files are listed and read."""
