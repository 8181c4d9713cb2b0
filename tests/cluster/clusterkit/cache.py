"""Where things are kept between runs: one folder outside the checkout, with everything filed by version.

Nothing here is precious: deleting the folder (with the cluster down) costs the time to build it again.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from clusterkit import versions
from clusterkit.console import say

ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mm-rebuild"
BIN = ROOT / "bin"  # links to the programs of the pinned versions; goes on PATH
TOOLS = ROOT / "tools"  # tools/<name>-<version>/<program>
NODE = ROOT / "node"  # what the node image is made of
LOGS = ROOT / "logs"
WHEELS = ROOT / "wheels"
IMAGES_ENV = ROOT / "images.env"
CLUSTER = ROOT / "clusters" / versions.CLUSTER_NAME
KUBECONFIG = CLUSTER / "kubeconfig"
RECORD = CLUSTER / "record.json"

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPTS = Path(__file__).resolve().parents[1] / "node"


def tool_dir(name: str, version: str) -> Path:
    """The folder of one program in one version."""
    return TOOLS / f"{name}-{version}"


def digest(*parts: bytes | str | Path) -> str:
    """A short content hash over texts and the contents of files."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        elif isinstance(part, str):
            part = part.encode()
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()[:12]


@contextlib.contextmanager
def locked(what: str) -> Iterator[None]:
    """Holds the cache's lock `what`, so that two commands do not build or create the same thing at once."""
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f".lock-{what}").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command holds the {what} lock: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
