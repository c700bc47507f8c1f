"""Badges that people ask for: requests, signed credentials, the register and the status list."""
