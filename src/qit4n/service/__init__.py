"""The service layer: what a cryptographic application uses to get keys."""
