"""Commands that record what people answered and saw, as rows of landing files: replies, exposures and outcomes."""
