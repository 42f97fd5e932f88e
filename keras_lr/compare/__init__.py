"""The command `python -m keras_lr compare`: it trains several policies and reports which to use."""
