"""Raw rows to core tables: identity resolution, taxonomy, evidence, skill demand, replies and consents."""
