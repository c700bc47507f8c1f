"""The assets of the pipeline, one module per group of tables: what each is made of and which function computes it."""
