import re
from importlib import resources

import pytest

from qit4n.dashboard.palette import DARK, GRAPHICS, LIGHT, TEXT, contrast

SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def test_contrast_is_that_of_wcag():
    """Black on white has the ratio 21, a colour with itself 1, and #777777 on white the known 4.48."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#123f7a", "#123f7a") == 1.0
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@SCHEMES
def test_text_can_be_read(colours):
    """Every text colour has at least 4.5:1 on every ground on which it stands (WCAG 2.2, 1.4.3, level AA)."""
    poor = {pair: ratio for pair in TEXT if (ratio := contrast(colours[pair[0]], colours[pair[1]])) < 4.5}
    assert poor == {}


@SCHEMES
def test_lines_can_be_seen(colours):
    """Every line and dot has at least 3:1 on land, sea and panels (WCAG 2.2, 1.4.11)."""
    poor = {pair: ratio for pair in GRAPHICS if (ratio := contrast(colours[pair[0]], colours[pair[1]])) < 3.0}
    assert poor == {}


def test_the_style_sheet_knows_no_other_colours():
    """The style sheet takes its colours from the palette, but for paper's white and the shadow of the menu."""
    text = (resources.files("qit4n.dashboard") / "style.css").read_text(encoding="utf-8")
    assert set(re.findall(r"#[0-9a-f]{3,8}\b|rgb\([^)]*\)", text)) == {"#fff", "rgb(0 0 0 / .18)"}
    assert set(re.findall(r"var\(--([a-z-]+)\)", text)) <= LIGHT.keys() == DARK.keys()
