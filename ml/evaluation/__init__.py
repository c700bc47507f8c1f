"""Measuring a recommender: splits, metrics, baselines scored alike, drift and off-policy estimates."""
