"""Export files to raw tables: landing with its ledger, what new deliveries change, and the preview of one file."""
