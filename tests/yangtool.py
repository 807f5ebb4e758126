"""yangson over ETSI's YANG modules of GS QKD 015, which are no part of qit4n: ``QIT4N_YANG`` names their directory.

The published modules compare ``qkdl_type``, an identity of another module, with a literal without that module's name,
so that no ``virt_*``, ``phys_*`` and ``phys_perf`` is ever allowed. Data are therefore held against two models: without
those members against the modules as they are, whole against a copy in which the three conditions name the module.
"""

import copy
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from qit4n.interfaces.etsi015model import MODULE, ROOT, TYPES

DIRECTORY = os.environ.get("QIT4N_YANG", "")
SKIP = pytest.mark.skip(reason="ETSI's YANG modules are no part of qit4n: name a directory with them in QIT4N_YANG")
CONDITION = re.compile(r"(qkdl_type = ')(VIRT|PHYS)'")
CONDITIONS = 3


def needs_modules(*lines):
    """Skip the test without the modules; with them it also proves these lines of the checklist."""
    if not DIRECTORY:
        return SKIP
    return pytest.mark.checklist(*lines)


def library(directory):
    """The YANG library (RFC 7895) of the modules in a directory."""
    entries = []
    for path in sorted(directory.glob("*.yang")):
        text = path.read_text("utf-8")
        entries.append(
            {
                "name": re.search(r"\bmodule\s+([\w-]+)", text)[1],
                "revision": re.search(r"\brevision\s+\"?(\d{4}-\d\d-\d\d)", text)[1],
                "namespace": re.search(r"\bnamespace\s+\"([^\"]+)", text)[1],
                "conformance-type": "implement" if path.name.startswith("etsi-qkd") else "import",
            }
        )
    return json.dumps({"ietf-yang-library:modules-state": {"module-set-id": "015", "module": entries}})


class YangTool:
    """Validates nodes and notifications; raises what yangson raises."""

    def __init__(self, scratch):
        """Both models; ``scratch`` is an empty directory for the copy."""
        from yangson import DataModel

        published, corrected = Path(DIRECTORY), Path(scratch)
        changed = 0
        for path in published.glob("*.yang"):
            shutil.copy(path, corrected / path.name)
        node = corrected / f"{MODULE}.yang"
        text, changed = CONDITION.subn(rf"\1{TYPES}:\2'", node.read_text("utf-8"))
        assert changed == CONDITIONS, f"{changed} conditions on qkdl_type in {node.name}, {CONDITIONS} are known"
        node.write_text(text, "utf-8")
        self._published = DataModel(library(published), [str(published)])
        self._corrected = DataModel(library(corrected), [str(corrected)])

    def node(self, document):
        """Check the container ``qkd_node``."""
        _check(self._corrected, {ROOT: document}, None)
        bare = copy.deepcopy(document)
        for link in bare.get("qkd_links", {}).get("qkd_link", ()):
            for name in [one for one in link if one.startswith(("virt_", "phys_"))]:
                del link[name]
            link.get("qkdl_performance", {}).pop("phys_perf", None)
        _check(self._published, {ROOT: bare}, None)

    def notification(self, name, content):
        """Check a notification against the modules as they are."""
        qualified = f"{MODULE}:{name}"
        _check(self._published, {f"{MODULE}:{one}": value for one, value in content.items()}, qualified)


def _check(model, raw, of):
    from yangson.enumerations import ContentType, ValidationScope

    model.from_raw(raw, of).validate(ValidationScope.all, ContentType.all)
