"""What runs as HTML: for each clause the code and the tests with their last result, and the text of both."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from pathlib import Path

from qit4n.coordination.markup import table
from qit4n.coordination.results import BAD, Proof, excerpt, proofs
from qit4n.coordination.trace import Place, titles


def documents_table(places: Iterable[Place], trace: str = "#") -> str:
    """Every document that the checkout names: clauses, files and tests, with a link to where they are listed."""
    rows = []
    for document, found in groupby(places, key=lambda one: one.document):
        mine = list(found)
        clauses = dict.fromkeys(one.clause for one in mine if one.clause)
        files = {one.file for one in mine if not one.is_test}
        tests = {one.name for one in mine if one.is_test}
        rows.append(
            f'<tr><th scope="row"><a href="{trace}{escape(document)}">{escape(document)}</a></th>'
            f"<td>{escape(', '.join(clauses))}</td><td>{len(files)}</td><td>{len(tests)}</td></tr>"
        )
    return table(("document", "clauses", "files of code", "tests"), rows)


def trace_tables(root: Path, places: Iterable[Place]) -> str:
    """A table for each document, named as its anchor; code and tests unfold where they are clicked."""
    parts = []
    for document, found in groupby(proofs(root, places), key=lambda proof: proof.place.document):
        rows = []
        for clause, mine in groupby(found, key=lambda proof: proof.place.clause):
            proven = list(mine)
            code = "".join(_unfolding(root, one) for one in proven if not one.place.is_test)
            tests = "".join(_unfolding(root, one) for one in proven if one.place.is_test)
            title = titles().get((document, clause), "")
            rows.append(
                f'<tr id="{escape(document)}-{escape(clause or "whole")}"><th scope="row">{escape(clause or "whole")} '
                f"{escape(title)}</th><td>{code}</td><td>{tests or '<em>no test names it</em>'}</td></tr>"
            )
        parts.append(
            f'<h3 id="{escape(document)}">{escape(document)}</h3>'
            f"{table(('clause', 'code', 'tests and their last result'), rows)}"
        )
    return f'<div class="traces">{"".join(parts)}</div>' if parts else "<p>Nothing names it.</p>"


def _unfolding(root: Path, proof: Proof) -> str:
    one = proof.place
    mark = f" <small>checklist {escape(one.mark)}</small>" if one.mark else ""
    result = ""
    if one.is_test:
        ended = proof.result
        kind = "quiet" if ended is None else "oppose" if ended.outcome in BAD else "support"
        result = f' <small class="{kind}">{escape(str(ended) if ended else "not run yet")}</small>'
    return (
        f"<details><summary><code>{escape(one.file)}:{one.line}</code> {escape(one.name)}{result}{mark}</summary>"
        f"<pre>{escape(excerpt(root, one))}</pre></details>"
    )
