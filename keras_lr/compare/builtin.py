"""The policies that can be compared by name, as expressions. No Keras here, for a fast `--help`."""

POLICIES = {
    "constant": "peak",
    "intervals": "klr.Intervals(klr.fraction(0.5, 0.75), [peak, peak / 10, peak / 100])",
    "exponential": "klr.Exponential(peak, 0.01, steps)",
    "inverse-time": "klr.InverseTime(peak, 9.0, steps)",
    "warmup-cosine": "klr.warmup_cosine(peak, steps, end=peak / 100)",
    "one-cycle": "klr.one_cycle(peak, steps)",
    "plateau": '(peak, [klr.PlateauReducer("val_loss", patience=max(1, epochs // 10))])',
    "prodigy": "klr.scheduled(keras.optimizers.Nadam(), learning_rate=klr.Prodigy(klr.Cosine(1.0, 0.0, steps)))",
}
