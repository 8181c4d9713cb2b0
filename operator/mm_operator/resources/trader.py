"""The objects of one trader on one account: configuration, Service, Secret, StatefulSet of one. Pure.

The StatefulSet never rolls by itself (`OnDelete`): only the operator's hand-over replaces a trader. Its template names neither the operator's
version nor anything else that
an upgrade changes, and its ConfigMap is immutable and named by its content.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from mm_api import API_VERSION
from mm_api.kinds.common import PortfolioSpec
from mm_api.kinds.market_maker import TraderSpec
from mm_api.trader_config import (
    AdminConfig,
    DeadManConfig,
    EngineConfig,
    LeaseConfig,
    RedisConfig,
    RiskConfig,
    StrategyConfig,
    TraderConfig,
)
from mm_operator import names
from mm_operator.resources.venues import CREDENTIALS_DIR, venue_config

Object = dict[str, Any]
USER_ID = 10001
_Dumper: Any = getattr(
    yaml, "CSafeDumper", yaml.SafeDumper
)  # built at every look at a trader: libyaml's is ten times faster
REDIS_DIR = "/etc/mm/redis"
JOURNAL_DIR = "/var/lib/mm"
CONFIG_FILE = "/etc/mm/config.yaml"
HEARTBEAT_DIR = "/run/mm"
"""Shared by the trader and its dead man, in memory."""
DEAD_MAN_RESOURCES: Object = {
    "requests": {"cpu": "10m", "memory": "24Mi"},
    "limits": {"memory": "96Mi"},
}
"""It lives in some 20 MiB; checking the config at its start takes more for a moment."""
_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True)
class TraderDefinition:
    """Everything one trader is made from."""

    name: str
    """MarketMaker's name."""
    uid: str
    namespace: str
    account: str
    identity: str
    epoch: int
    scope: str
    revision: str
    image: str
    config: TraderConfig
    credentials_secret: str
    housing: TraderSpec
    """Resources, storage, grace period, pull policy."""

    @property
    def object_name(self) -> str:
        """Name of the StatefulSet, the Service and the Secret."""
        return names.trader_name(self.name, self.account)

    @property
    def labels(self) -> dict[str, str]:
        """What selects this trader's objects. Never changes in its life."""
        return {
            names.LABEL_APP: "mm-trader",
            names.LABEL_MANAGED_BY: names.FIELD_MANAGER,
            names.LABEL_MARKET_MAKER: self.name,
            names.LABEL_ACCOUNT: self.account,
        }


def trader_config(
    *,
    definition_name: str,
    namespace: str,
    identity: str,
    revision: str,
    scope: str,
    epoch: int,
    symbols: tuple[str, ...],
    spec: Any,
    account: Any,
    limits: Mapping[str, str],
    redis_url: str,
    lease_ttl: timedelta,
) -> TraderConfig:
    """The configuration a trader reads. `spec`: the revision's MarketMakerSpec; `account`: its VenueAccountSpec; `limits`: the limits in force."""
    strategy, engine = spec.strategy, spec.engine
    ttl = lease_ttl
    return TraderConfig(
        name=definition_name,
        namespace=namespace,
        identity=identity,
        revision=revision,
        scope=scope,
        epoch=epoch,
        symbols=list(symbols),
        venue=venue_config(account),
        strategy=StrategyConfig(
            name=strategy.name,
            parameters=dict(strategy.parameters),
            symbol_parameters=_of_symbols(strategy.symbol_parameters, symbols),
        ),
        portfolio=_portfolio(spec.portfolio, symbols),
        risk=RiskConfig.model_validate(
            {name: int(value) if name == "maxOrderRate" else value for name, value in limits.items()}
        ),
        engine=EngineConfig(
            order_timeout=engine.order_timeout,
            reconcile_interval=engine.reconcile_interval,
            health_check_interval=engine.health_check_interval,
            stale_after=engine.stale_after,
        ),
        lease=LeaseConfig(ttl=ttl, renew_interval=ttl / 5, margin=ttl / 5, managed=True),
        redis=RedisConfig(
            url=redis_url, username=names.redis_user(identity), password_file=f"{REDIS_DIR}/password"
        ),
        journal_dir=JOURNAL_DIR,
        dead_man=DeadManConfig(heartbeat_file=f"{HEARTBEAT_DIR}/heartbeat"),
        admin=AdminConfig(host="0.0.0.0", port=names.ADMIN_PORT, token_file=f"{REDIS_DIR}/adminToken"),  # noqa: S104 - probes come from the node
    )


def _of_symbols(values: Mapping[str, Any] | None, symbols: tuple[str, ...]) -> dict[str, Any] | None:
    """Of a spec for all stages, what concerns the symbols of this one."""
    if values is None:
        return None
    return {symbol: value for symbol, value in values.items() if symbol in symbols}


def _portfolio(spec: PortfolioSpec | None, symbols: tuple[str, ...]) -> PortfolioSpec | None:
    """The split for the symbols of this stage; a stage with a symbol that has no weight gets equal ones."""
    if spec is None or not spec.weights:
        return spec
    weights = _of_symbols(spec.weights, symbols) or {}
    return spec.model_copy(update={"weights": weights if len(weights) == len(symbols) else {}})


def owner_reference(name: str, uid: str) -> Object:
    """Children go with their MarketMaker."""
    return {
        "apiVersion": API_VERSION,
        "kind": "MarketMaker",
        "name": name,
        "uid": uid,
        "controller": True,
    }


def _metadata(trader: TraderDefinition, name: str, **annotations: str) -> Object:
    metadata: Object = {
        "name": name,
        "namespace": trader.namespace,
        "labels": trader.labels,
        "ownerReferences": [owner_reference(trader.name, trader.uid)],
    }
    if annotations:
        metadata["annotations"] = annotations
    return metadata


def config_text(trader: TraderDefinition) -> str:
    """`config.yaml`, byte for byte the same for the same configuration."""
    return yaml.dump(trader.config.to_wire(), Dumper=_Dumper, sort_keys=True, allow_unicode=True)


def config_map_name(trader: TraderDefinition) -> str:
    """Named by its content, so that another content is another object."""
    return f"{trader.object_name}-{names.short_hash(config_text(trader), 10)}"


def config_map(trader: TraderDefinition) -> Object:
    """The trader's configuration. Immutable."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(trader, config_map_name(trader)),
        "immutable": True,
        "data": {"config.yaml": config_text(trader)},
    }


def service(trader: TraderDefinition) -> Object:
    """Headless: gives the pod its name, and Prometheus its target."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(trader, trader.object_name),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": trader.labels,
            "ports": [{"name": "admin", "port": names.ADMIN_PORT, "targetPort": "admin", "protocol": "TCP"}],
        },
    }


def trader_secret(
    trader_name: str, market_maker: str, uid: str, namespace: str, user: str, password: str, admin_token: str
) -> Object:
    """What the trader signs in with: its own Redis user, and the token of its admin port. Made once, then left alone."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": trader_name,
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.FIELD_MANAGER, names.LABEL_MARKET_MAKER: market_maker},
            "ownerReferences": [owner_reference(market_maker, uid)],
        },
        "type": "Opaque",
        "stringData": {"username": user, "password": password, "adminToken": admin_token},
    }


def secret_value(secret: Object, key: str) -> str:
    """A value of the trader's own Secret, made by the operator (never of a Secret with venue keys)."""
    return base64.b64decode(secret["data"][key]).decode()


def stateful_set(trader: TraderDefinition) -> Object:
    """One pod, one journal. The annotation carries a hash of all this, so that an unchanged one is not applied again."""
    body: Object = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _metadata(trader, trader.object_name, **{names.ANNOTATION_IDENTITY: trader.identity}),
        "spec": {
            "replicas": 1,
            "serviceName": trader.object_name,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
            "selector": {"matchLabels": trader.labels},
            "template": _pod_template(trader),
            "volumeClaimTemplates": [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": "journal"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": trader.housing.storage}},
                    },
                }
            ],
        },
    }
    body["metadata"]["annotations"][names.ANNOTATION_APPLIED] = names.short_hash(
        json.dumps(body, sort_keys=True), 16
    )
    return body


def _pod_template(trader: TraderDefinition) -> Object:
    grace = trader.housing.termination_grace_period
    return {
        "metadata": {
            "labels": {
                **trader.labels,
                names.LABEL_REVISION: trader.revision,
                names.LABEL_EPOCH: str(trader.epoch),
            },
            "annotations": {
                names.ANNOTATION_SCOPE: trader.scope,
                "kubectl.kubernetes.io/default-container": names.TRADER_CONTAINER,
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(names.ADMIN_PORT),
                "prometheus.io/path": "/metrics",
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": max(1, round(grace.total_seconds())),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                "fsGroup": USER_ID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(trader), _dead_man(trader)],
            "volumes": [
                {"name": "config", "configMap": {"name": config_map_name(trader)}},
                {
                    "name": "credentials",
                    "secret": {"secretName": trader.credentials_secret, "defaultMode": 0o440},
                },
                {"name": "redis", "secret": {"secretName": trader.object_name, "defaultMode": 0o440}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                {"name": "heartbeat", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            ],
        },
    }


def _container(trader: TraderDefinition) -> Object:
    resources = trader.housing.resources
    probe: Object = {
        "httpGet": {"path": "/healthz", "port": "admin"},
        "periodSeconds": 5,
        "timeoutSeconds": 3,
    }
    return {
        "name": names.TRADER_CONTAINER,
        "image": trader.image,
        "imagePullPolicy": trader.housing.image_pull_policy,
        "command": ["mm-trader", "--config", CONFIG_FILE],
        "env": [
            {"name": "MM_HOLDER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "MM_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "ports": [{"name": "admin", "containerPort": names.ADMIN_PORT, "protocol": "TCP"}],
        "livenessProbe": {**probe, "initialDelaySeconds": 5, "failureThreshold": 6},
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "admin"},
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "failureThreshold": 2,
        },
        "resources": {
            "requests": {"cpu": resources.cpu_request, "memory": resources.memory_request},
            "limits": {"memory": resources.memory_limit},
        },
        "securityContext": dict(_SECURITY),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FILE, "subPath": "config.yaml", "readOnly": True},
            {"name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": True},
            {"name": "redis", "mountPath": REDIS_DIR, "readOnly": True},
            {"name": "journal", "mountPath": JOURNAL_DIR},
            {"name": "heartbeat", "mountPath": HEARTBEAT_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside the container
        ],
    }


def _dead_man(trader: TraderDefinition) -> Object:
    """A small process of its own that cancels this trader's orders when it gives no sign of life (docs/risk.md). It sees no Redis and no journal."""
    return {
        "name": names.DEAD_MAN_CONTAINER,
        "image": trader.image,
        "imagePullPolicy": trader.housing.image_pull_policy,
        "command": ["mm-trader", "dead-man", "--config", CONFIG_FILE],
        "resources": DEAD_MAN_RESOURCES,
        "securityContext": dict(_SECURITY),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_FILE, "subPath": "config.yaml", "readOnly": True},
            {"name": "credentials", "mountPath": CREDENTIALS_DIR, "readOnly": True},
            {"name": "heartbeat", "mountPath": HEARTBEAT_DIR},
        ],
    }
