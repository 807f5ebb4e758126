"""What a person types: one module per verb."""
