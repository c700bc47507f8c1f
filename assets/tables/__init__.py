"""Assets: one module per group of tables."""
