"""Asset checks on contracts and publications."""
