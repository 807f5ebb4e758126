"""The documents say what is true today: folders, verbs, exit codes, links."""

import re
from pathlib import Path

import pytest

from qit4n import errors
from qit4n.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "qit4n"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_architecture_names_every_folder_and_no_other():
    """Each package folder stands in the table of ARCHITECTURE.md, and each folder there exists."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`(\w+)/`", table))
    folders = {folder.name for folder in PACKAGE.iterdir() if folder.is_dir() and folder.name != "__pycache__"}
    assert named == folders


def test_what_the_architecture_points_at_exists():
    """Files and functions of 'One key's way' are where it says."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    sources = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))
    for file in re.findall(r"`(\w+/[\w/]+\.py)`", text):
        assert (PACKAGE / file).is_file(), file
    for function in re.findall(r"`(?:\w+\.)(_?\w+)`", text):
        if function not in {"py", "trusted", "md"}:
            assert f"def {function}(" in sources, function


def test_every_verb_and_exit_code_is_documented():
    """commands.md has each verb of the command line and each exit code of the error tree."""
    text = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    for verb in VERBS:
        assert f"qit {verb}" in text, verb
    codes = {one.exit_code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_code")}
    first_cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    documented = {int(code) for cell in first_cells for code in re.findall(r"\d+", cell)}
    assert codes - {1} <= documented


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    """Every relative link of a document has a target."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_the_readme_shows_only_examples_that_exist():
    """Names of networks and links in the README's commands are those of the shipped files."""
    from qit4n.network.file import examples, load

    text = (ROOT / "README.md").read_text("utf-8")
    for name in re.findall(r"qit (?:up|example) ([a-z][a-z-]+)(?= )", text):
        assert name in examples()
    for network, link in re.findall(r"qit up ([a-z-]+) --eavesdrop ([\w-]+)=", text):
        assert link in {one.id for one in load(network).links}
