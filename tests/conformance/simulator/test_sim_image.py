"""The simulator's own image: what it installs is all that the simulator imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

IMPORTED = """
import sys
at_start = set(sys.modules)  # what .pth files of development tools load
from mm_trader import cli
sys.argv = ["mm-trader", "simulate", "--market", "seeded:1", "--symbols", "NOPE"]
code = 0
try:
    code = cli.main()
except SystemExit as error:
    code = error.code
import mm_trader.venue.simulator.market.both, mm_trader.venue.simulator.usdm.profile
from importlib.metadata import packages_distributions
known = packages_distributions()
tops = {name.partition(".")[0] for name in set(sys.modules) - at_start}
print(code, *sorted({known[t][0].lower().replace("_", "-") for t in tops if t in known}))
"""


def locked(path: str) -> dict[str, str]:
    lines = (ROOT / path).read_text().splitlines()
    return dict(m.groups() for line in lines if (m := re.match(r"([a-z0-9-]+)==([^ ;]+)", line)))


def test_the_simulator_imports_nothing_that_its_image_lacks() -> None:
    out = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=60, check=True
    )
    code, *packages = out.stdout.split()
    assert code == "2"  # it got as far as refusing the symbol
    optional = {
        "rich",
        "pygments",
        "markdown-it-py",
        "mdurl",
    }  # structlog shows tracebacks with rich where it is
    needless = {"mm-rebuild", "typing-extensions", *optional}
    assert set(packages) - needless <= set(locked("locks/simulator.txt"))


def test_the_images_lock_is_the_products_and_the_group_is_in_it() -> None:
    product, own = locked("locks/run.txt"), locked("locks/simulator.txt")
    assert own.items() <= product.items()
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["simulator"]
    assert set(group) <= set(own)


def test_the_dockerfile_keeps_the_product_as_its_last_stage_and_the_simulator_as_a_target() -> None:
    text = (ROOT / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", text, re.MULTILINE)
    assert ("${BASE}", "simulator") in stages
    assert stages[-1] == ("${BASE}", "")
    assert 'ENTRYPOINT ["mm-trader", "simulate", "--host", "0.0.0.0"]' in text
