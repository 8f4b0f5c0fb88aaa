"""Neural-collapse metrics of a user's features and classifier, and their distance to a prediction."""
