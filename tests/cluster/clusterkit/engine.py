"""The container engine: which one is here, whether it reaches a registry, and how it is called.

Two modes follow from that. PULL: docker or podman answers and can have kind's usual node image. BUILD: neither does,
so the machine gets podman (with storage and settings of its own, inside the cache) and the node image is built.
"""

import dataclasses
import enum
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from clusterkit import cache
from clusterkit.console import say

_ANSWER_SECONDS = 15
_REGISTRY_SECONDS = 40


class Mode(enum.StrEnum):
    PULL = "pull"
    BUILD = "build"


@dataclasses.dataclass(frozen=True)
class Engine:
    """A container engine's command and the variables it and kind are run with."""

    command: str
    mode: Mode
    environment: dict[str, str]

    def run(self, *words: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Calls the engine and returns what it printed."""
        return subprocess.run(
            [self.command, *words],
            env={**os.environ, **self.environment},
            check=check,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def has_image(self, reference: str) -> bool:
        """Whether the engine's own store holds the image."""
        return self.run("image", "inspect", reference, check=False).returncode == 0


def _quick(*words: str, seconds: float) -> bool:
    try:
        return subprocess.run(words, capture_output=True, timeout=seconds, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_pulling(image: str) -> Engine | None:
    """An engine of this machine that has `image`, or can get it from a registry; None where there is none."""
    for command in ("docker", "podman"):
        if not shutil.which(command) or not _quick(command, "info", seconds=_ANSWER_SECONDS):
            continue
        provider = {"KIND_EXPERIMENTAL_PROVIDER": command}
        # podman has no default registry for this name; kind's own podman support adds the same prefix
        name = image if command == "docker" else f"docker.io/{image}"
        if _quick(command, "image", "inspect", name, seconds=_ANSWER_SECONDS):
            return Engine(command, Mode.PULL, provider)
        if _quick(command, "manifest", "inspect", name, seconds=_REGISTRY_SECONDS):
            return Engine(command, Mode.PULL, provider)
        say(f"{command} answers, but no registry gives it {image.split('@')[0]}")
    return None


def own_podman() -> Engine:
    """Podman with storage, networks and settings inside the cache: it shares nothing with another podman here."""
    home = cache.ROOT / "podman"
    # what must vanish with a restart of the machine lives in /run, so that podman notices the restart
    name = f"mm-rebuild-{hashlib.sha256(str(cache.ROOT).encode()).hexdigest()[:8]}"
    volatile = Path("/run") / name
    (home / "net").mkdir(parents=True, exist_ok=True)
    settings = home / "containers.conf"
    storage = home / "storage.conf"
    settings.write_text(
        "[containers]\n"
        # kind asks for more than a machine without CAP_SYS_RESOURCE may give
        'default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]\n'
        "[engine]\n"
        'runtime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        f'tmp_dir = "{volatile}/libpod"\n'
        "[network]\n"
        f'network_backend = "netavark"\nnetwork_config_dir = "{home}/net"\n'
    )
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{home}/storage"\nrunroot = "{volatile}/storage"\n'
    )
    return Engine(
        "podman",
        Mode.BUILD,
        {
            "CONTAINERS_CONF": str(settings),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "KIND_EXPERIMENTAL_PROVIDER": "podman",
            # all of a machine's podmans share one DNS server, which tells networks apart by their names alone
            "KIND_EXPERIMENTAL_PODMAN_NETWORK": name,
        },
    )
