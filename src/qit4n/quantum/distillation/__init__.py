"""Key distillation: sift, estimate, reconcile, verify, amplify, authenticate. State machines without IO."""
