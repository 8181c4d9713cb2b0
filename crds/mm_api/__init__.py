"""The typed contract between operator, trader and user: one source, pydantic alone.

`kinds/` models every custom resource (the CRDs are generated from it), `trader_config` what a trader is started with, `redis_contract` every key and
value that operator and trader exchange. Neither program imports the other; both import this.
"""

GROUP = "mm-rebuild.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
