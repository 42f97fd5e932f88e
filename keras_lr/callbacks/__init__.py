"""What changes a hyperparameter between epochs."""
