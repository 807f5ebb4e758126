"""The QKDN control layer of ITU-T Y.3804: which path a key is relayed over, and how much is kept ready."""
