"""Key combination (ITU-T X.1714): a chunk XORed with a secret of ML-KEM stays secret if either part does."""
