"""The programs that a person's machine needs: kind, kubectl and helm, by version.

One on PATH of a fitting version is used as it is; else it is built from its Go module into the cache, since a Go
proxy answers on many machines on which release downloads do not."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from clusterkit import cache, versions
from clusterkit.console import Refused, run_logged, timed


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout if done.returncode == 0 else ""


def _kind_fits(program: str) -> bool:
    # exactly this release: the node image is made for it
    return f"v{versions.KIND} " in _output(program, "version")


def _kubectl_fits(program: str) -> bool:
    # Kubernetes supports one minor version of skew either way
    try:
        minor = int(
            json.loads(_output(program, "version", "--client", "-o", "json"))["clientVersion"]["minor"]
        )
    except (ValueError, KeyError):
        return False
    return abs(minor - int(versions.KUBERNETES.split(".")[1])) <= 1


def _helm_fits(program: str) -> bool:
    found = re.match(r"v3\.(\d+)\.", _output(program, "version", "--short"))
    return found is not None and int(found.group(1)) >= 14


_FITS: dict[str, Callable[[str], bool]] = {"kind": _kind_fits, "kubectl": _kubectl_fits, "helm": _helm_fits}
_SOURCE = {
    "kind": ("kind", versions.KIND, "go-tool.sh"),
    "kubectl": ("kubernetes", versions.KUBERNETES, "kubernetes.sh"),
    "helm": ("helm", versions.HELM, "go-tool.sh"),
}


def require_go() -> None:
    """Refuses, with the mend, where Go is absent or too old to fetch a newer toolchain by itself."""
    found = re.search(r"go(\d+)\.(\d+)", _output("go", "version") if shutil.which("go") else "")
    if found and (int(found.group(1)), int(found.group(2))) >= versions.GO_MINIMUM:
        return
    least = ".".join(map(str, versions.GO_MINIMUM))
    raise Refused(
        f"Go {least} or later is needed to build what the cluster is made of, and `go version` says "
        f"{found.group(0) if found else 'that there is none'}.\n"
        "Mend: install a current Go from your system's packages (Debian: golang-go from backports or later releases)\n"
        "and have it on PATH; or start docker or podman where a registry answers; or point your current kubeconfig\n"
        "context at a cluster and use CLUSTER=current."
    )


def script_environment() -> dict[str, str]:
    """The variables that every script in node/ reads."""
    return {
        **versions.as_environment(),
        "CACHE": str(cache.ROOT),
        "TOOLS": str(cache.TOOLS),
        "NODE": str(cache.NODE),
    }


def build(program: str) -> None:
    """Builds one program into the cache, unless it is there."""
    name, version, script = _SOURCE[program]
    if (cache.tool_dir(name, version) / program).exists():
        return
    require_go()
    with timed(f"building {program} {version} from its Go module"):
        run_logged([cache.SCRIPTS / script, program], cache.LOGS / f"{program}.log", script_environment())


def provide(*programs: str) -> None:
    """Makes each program available under the cache's `bin`: a link to the one on PATH, or to one that is built."""
    cache.BIN.mkdir(parents=True, exist_ok=True)
    for program in programs:
        link = cache.BIN / program
        name, version, _ = _SOURCE[program]
        built = cache.tool_dir(name, version) / program
        if link.exists() and (link.resolve() == built or _FITS[program](str(link))):
            continue
        found = shutil.which(program)
        if built.exists() or not found or not _FITS[program](found):
            build(program)
            found = str(built)
        _point(link, Path(found))


def _point(link: Path, target: Path) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
