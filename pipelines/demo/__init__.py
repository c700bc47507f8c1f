"""The demo: a simulated company, and its exports in the formats of their vendors."""
