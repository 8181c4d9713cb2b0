"""The chart, rendered by a real helm."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "helm/mm-rebuild"
KUBERNETES = "1.34.0"


class Refused(AssertionError):
    """helm ended with an error; its text is the message."""


@dataclass(frozen=True)
class Chart:
    """The chart and the helm that renders it."""

    helm: Path

    def render(
        self, *arguments: str, release: str = "mm", namespace: str = "mm-system"
    ) -> list[dict[str, Any]]:
        """All objects of `helm template RELEASE … ARGUMENTS`. Raises Refused with helm's own words."""
        words = ["template", release, CHART, "--namespace", namespace, "--kube-version", KUBERNETES]
        return [item for item in yaml.safe_load_all(self.run(*words, *arguments)) if item]

    def run(self, *arguments: str | Path) -> str:
        """`helm ARGUMENTS` → stdout."""
        done = subprocess.run(
            [self.helm, *arguments], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout
