"""Raw rows to core tables: identity, taxonomy, evidence, demand, replies and consents."""
