"""The documents of the pack, as statements with the places that make them true."""
