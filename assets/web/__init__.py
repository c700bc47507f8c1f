"""`footsteps serve`: pages of one's own, answers from them, and the JSON interface beside them."""
