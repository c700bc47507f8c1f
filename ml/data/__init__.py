"""Arrays everything else in ml stands on: encoded ids and interactions, eligibility rules, sparse rows, settings."""
