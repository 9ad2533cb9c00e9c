"""Watch an adopted candidate for its life: evidence that a stream is not as the calibrating examples were."""
