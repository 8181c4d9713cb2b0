"""The objects of one trader on one account: configuration, Service, Secret, StatefulSet of one. Pure.

The StatefulSet never rolls by itself (`OnDelete`): only the operator's hand-over replaces a trader. Its template names neither the operator's
version nor anything else that
an upgrade changes, and its ConfigMap is immutable and named by its content.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import yaml

from mm_api import API_VERSION
from mm_api.alerts_config import AlertsSpec
from mm_api.kinds.market_maker import TraderSpec
from mm_api.trader_config import TraderConfig
from mm_operator import names
from mm_operator.resources.trader_config import ALERTS_DIR, HEARTBEAT_DIR, JOURNAL_DIR, REDIS_DIR
from mm_operator.resources.venues import CREDENTIALS_DIR

Object = dict[str, Any]
USER_ID = 10001
_Dumper: Any = getattr(
    yaml, "CSafeDumper", yaml.SafeDumper
)  # built at every look at a trader: libyaml's is ten times faster
CONFIG_FILE = "/etc/mm/config.yaml"
DEAD_MAN_RESOURCES: Object = {
    "requests": {"cpu": "10m", "memory": "24Mi"},
    "limits": {"memory": "96Mi"},
}
"""It lives in some 20 MiB; checking the config at its start takes more for a moment."""
SHOWN_LIMITS = ("dailyLossLimit", "maxDrawdown", "maxOrderRate", "maxCancelRatio")
"""Always written, so that whoever reads the ConfigMap sees what holds."""
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
    alerts: AlertsSpec | None = None
    """Whose Secrets are mounted; the channels themselves are in `config`."""

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
    """`config.yaml`, byte for byte the same for the same configuration.

    What is at its default is left out, the limits apart: so an operator that knows more fields than the image of a revision that began before it
    writes none that this image would refuse, and changes no text by being upgraded. (A default of a field, once released, does not change.)
    """
    wire = trader.config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    risk = trader.config.risk.to_wire()
    wire["risk"] |= {name: risk[name] for name in SHOWN_LIMITS}
    wire["schemaVersion"] = trader.config.schema_version
    return yaml.dump(wire, Dumper=_Dumper, sort_keys=True, allow_unicode=True)


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
                *_alert_volume(trader),
                {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
                {"name": "heartbeat", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            ],
        },
    }


def _alert_volume(trader: TraderDefinition) -> list[Object]:
    """The secrets of the alert channels, one directory a channel; no volume where there is none. A Secret that is not there keeps the pod from starting."""
    sources: list[Object] = []
    for channel in trader.alerts.channels if trader.alerts else ():
        for file, reference in (("url", channel.url_secret_ref), ("secret", channel.secret_ref)):
            if reference is not None:
                item = {"key": reference.key, "path": f"{channel.name}/{file}"}
                sources.append({"secret": {"name": reference.name, "items": [item]}})
    return [{"name": "alerts", "projected": {"sources": sources, "defaultMode": 0o440}}] if sources else []


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
            *(
                [{"name": "alerts", "mountPath": ALERTS_DIR, "readOnly": True}]
                if _alert_volume(trader)
                else []
            ),
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
