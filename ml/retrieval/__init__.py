"""Scorers, each a small estimator with fit(interactions) and score(user_states), and the candidates chosen by them."""
