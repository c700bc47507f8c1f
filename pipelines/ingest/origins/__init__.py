"""Places outside of the landing folder where exports are placed: how their files are listed and read."""
