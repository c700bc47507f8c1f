"""Landing of export files into raw tables, with the ledger, and the preview of one file."""
