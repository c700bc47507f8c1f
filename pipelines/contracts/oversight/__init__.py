"""Contracts of what a company uses to watch and stop the product: audits, pauses, issued badges."""
