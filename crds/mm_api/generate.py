"""`python -m mm_api.generate [--check]`: the CRDs and their reference page, from the models.

Writes `crds/*.yaml`, an identical copy in the chart, `docs/reference/kinds.md` and `docs/reference/reload.md`. With `--check` it writes nothing and
exits 1, naming each file that is not what the models say: CI runs that, so the models stay the one source.
`generate_schema` and `generate_docs` do the work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mm_api import GROUP, VERSION
from mm_api.generate_docs import reference_page
from mm_api.generate_schema import structural_schema
from mm_api.kinds import MarketMaker, StageApproval, StageRecord, TradingHalt, VenueAccount
from mm_api.kinds.common import Resource
from mm_api.reload_rules import page as reload_page

KINDS: tuple[type[Resource], ...] = (MarketMaker, VenueAccount, StageApproval, TradingHalt, StageRecord)
HEADER = "# Generated from crds/mm_api by `make generate`. Edit the models there, not this file.\n"


def kind_name(model: type[Resource]) -> str:
    """`MarketMaker` for the class of that name."""
    return model.__name__


def crd(model: type[Resource]) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, as `kubectl apply` takes it."""
    names = model.names
    schema = structural_schema(model)
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [
            {
                "name": column.name,
                "type": column.type,
                "jsonPath": column.json_path,
                **({"priority": column.priority} if column.priority else {}),
                **({"description": column.description} if column.description else {}),
            }
            for column in model.columns
        ],
    }
    if "status" in schema["properties"]:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind_name(model),
                "listKind": f"{kind_name(model)}List",
                "plural": names.plural,
                "singular": names.singular,
                "shortNames": list(names.short),
                "categories": list(model.categories),
            },
            "versions": [version],
        },
    }


def outputs(root: Path) -> Iterator[tuple[Path, str]]:
    """Every generated file with what it must hold."""
    for model in KINDS:
        document = crd(model)
        text = HEADER + yaml.safe_dump(document, sort_keys=False, width=150, allow_unicode=True)
        name = f"{document['metadata']['name']}.yaml"
        yield root / "crds" / name, text
        yield root / "helm" / "mm-rebuild" / "crds" / name, text
    yield root / "docs" / "reference" / "kinds.md", reference_page(KINDS)
    yield root / "docs" / "reference" / "reload.md", reload_page()


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Write the files, or with `--check` compare them. Returns the exit status."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    base = root or Path(__file__).resolve().parents[2]
    drifted = []
    for path, text in outputs(base):
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                drifted.append(path.relative_to(base))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in drifted:
        sys.stderr.write(
            f"{name}: not what the models in crds/mm_api say; run `make generate` and commit it\n"
        )
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
