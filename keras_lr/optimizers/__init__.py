"""Optimizers with managed hyperparameters: scheduled, assignable, driven by rules, and saved with the model."""
