"""The coordination desk: who writes what, which words clash, who can live with which option, and what of it runs here.

Tables of plain CSV in a folder (``record/`` ships the record of the ITU-T ad hoc group of 2019 and the documents of
2026); everything else is a question asked of them.
"""
