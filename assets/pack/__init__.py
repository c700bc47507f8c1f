"""The documentation pack: statements about the product, each linked to the places that make it true."""
