"""Which policy to use: what `python -m keras_lr compare` runs and reports."""
