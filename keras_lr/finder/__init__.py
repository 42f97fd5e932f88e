"""The learning-rate range test: what it does to a model, what it finds, what it suggests."""
