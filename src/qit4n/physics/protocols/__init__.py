"""Protocols as key rates, each with its security model, and the record of all of them (:mod:`.registry`)."""
