"""schemathesis on the published OpenAPI document: whatever it generates gets an answer that is documented."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from qit4n.interfaces import openapi
from qit4n.network.model import Policies

EXAMPLES = int(os.environ.get("FUZZ", "4000")) // 1000  # for each operation and mode
SCHEMA = schemathesis.openapi.from_dict(openapi.document(Policies()))
OPERATIONS = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations()}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_generated_requests_get_documented_answers(name, mode, kme):
    """Status, content type and body are those of the document, and never 500, for requests that fit it and others."""
    files = kme.files("alice")
    known = {"base_url": kme.url, "cert": (files["cert"], files["key"]), "verify": files["ca"]}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=OPERATIONS[name].as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(**known, checks=CHECKS)

    ask()
