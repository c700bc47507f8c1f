"""Contracts judged by Great Expectations, on Polars."""
