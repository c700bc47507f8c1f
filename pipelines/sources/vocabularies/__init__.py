"""What the words of standards and systems prove: one declared table per standard, with its specification."""
