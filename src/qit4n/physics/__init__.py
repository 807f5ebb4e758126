"""What nature allows: channels, sources, detectors, rates, finite-key lengths, bounds. Knows no network."""
