"""Key pools: produce, compose, age, consume. The algebra, no IO."""
