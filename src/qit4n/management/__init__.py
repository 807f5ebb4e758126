"""The QKDN management layer of ITU-T Y.3804: fault, configuration, accounting, performance, security (FCAPS).

Pure state and rules; ``node/manager.py`` runs them. ``overview.py`` is what a reader (dashboard, reports) gets.
"""
