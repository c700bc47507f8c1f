"""Features, training set, ranker, calibration and the recommender that joins them."""
