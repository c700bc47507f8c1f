"""What the law asks of personal data: a copy of what is stored of a person, their erasure, and retention."""
