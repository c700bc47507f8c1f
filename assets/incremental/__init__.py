"""Assets that compute only what changed since their last materialization."""
