"""Does a pair of KMEs, anybody's, keep ETSI GS QKD 014 V1.1.1? Checks by clause, over mutual TLS, from outside."""
