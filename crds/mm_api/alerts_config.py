"""Who is told of what: alert channels, in a MarketMaker's spec with references to Secrets, in a trader's config with files. Never a secret itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from mm_api.scalars import NAME_PATTERN, ApiModel, Between, Duration, Whole, rules

AlertKind = Literal[
    "Halt",
    "HaltLifted",
    "RiskLevel",
    "OrderAnomaly",
    "Reconciled",
    "Started",
    "Stopped",
    "Violation",
    "Warning",
    "Report",
]
"""What an alert is about."""

Text = Annotated[str, Field(min_length=1, max_length=253)]

_BY_URL = ("Webhook", "Alertmanager")
_USERS = {
    "url": _BY_URL,
    "host": ("Smtp",),
    "port": ("Smtp",),
    "security": ("Smtp",),
    "username": ("Smtp",),
    "sender": ("Smtp",),
    "recipients": ("Smtp",),
}
"""Field → types that use it. Beside another type it is refused: whoever wrote it believes in an effect that it has not."""
_UNUSED = {"security": "starttls", "recipients": []}
"""Fields with a default, which the API server writes into every channel: with that value they are as good as unset. All others: None."""


def _wire(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.title() for word in rest)


def _either(types: tuple[str, ...]) -> str:
    return " and ".join(types) if len(types) < 3 else f"{', '.join(types[:-1])} and {types[-1]}"


def _users(url_secret: str, secret: str) -> dict[str, tuple[str, ...]]:
    """Of a model whose references to secrets have these names."""
    return _USERS | {url_secret: _BY_URL, secret: ("Smtp", *_BY_URL)}


class Channel(ApiModel):
    """One way to tell people, beside the log and the alert stream, which always are."""

    url_secret: ClassVar[str]
    """Field that may hold the URL instead, where the URL itself is a secret."""
    secret: ClassVar[str]
    """Field that says where the password or the token is."""

    name: str = Field(min_length=1, max_length=63, description="For logs and messages.")
    type: Literal["Console", "Smtp", "Webhook", "Alertmanager"]
    min_severity: Literal["info", "warning", "critical"] = Field(
        default="warning", description="Less severe alerts do not go here."
    )
    kinds: list[AlertKind] = Field(
        default_factory=list, max_length=16, description="Only these kinds. Empty: all."
    )
    url: Text | None = Field(
        default=None,
        description="Webhook: where to POST. Alertmanager: its base URL. Begins with http:// or https://.",
    )
    host: Text | None = Field(default=None, description="Smtp: the server.")
    port: Whole | None = Field(
        default=None, ge=1, le=65535, description="Smtp: its port, 1 to 65535. Unset: 25."
    )
    security: Literal["none", "starttls", "tls"] = Field(default="starttls", description="Smtp.")
    username: Text | None = Field(default=None, description="Smtp: unset means no login.")
    sender: Text | None = Field(default=None, description="Smtp: From.")
    recipients: list[Text] = Field(default_factory=list, max_length=16, description="Smtp: To.")

    @model_validator(mode="after")
    def _has_what_its_type_needs_and_nothing_else(self) -> Channel:
        for field, types in _users(self.url_secret, self.secret).items():
            if self.type not in types and getattr(self, field) != _UNUSED.get(field):
                raise ValueError(
                    f"alerts: the {self.type} channel {self.name!r} does not use {_wire(field)}, which is for {_either(types)}: remove it"
                )
        if self.type == "Smtp":
            for field in ("host", "sender", "recipients"):
                if not getattr(self, field):
                    raise ValueError(f"alerts: the Smtp channel {self.name!r} needs {field}")
        hidden = getattr(self, self.url_secret)
        if self.type in ("Webhook", "Alertmanager") and (self.url is None) == (hidden is None):
            raise ValueError(
                f"alerts: the {self.type} channel {self.name!r} needs url, or {_wire(self.url_secret)}, and not both"
            )
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError(
                f"alerts: the channel {self.name!r} needs a url that begins with http:// or https://"
            )
        if self.username is not None and getattr(self, self.secret) is None:
            raise ValueError(
                f"alerts: the channel {self.name!r} has a username; it needs {_wire(self.secret)}, too"
            )
        if self.type == "Smtp" and self.username is None and getattr(self, self.secret) is not None:
            raise ValueError(
                f"alerts: the Smtp channel {self.name!r} has {_wire(self.secret)} and no username to log in with; give it one, or remove it"
            )
        if self.username is not None and self.security == "none":
            raise ValueError(
                f"alerts: the channel {self.name!r} would send a password in the clear; use starttls or tls"
            )
        return self


class AlertChannel(Channel):
    """A channel of a trader's config. Secrets are files."""

    url_secret = "url_file"  # noqa: S105 - a field's name
    secret = "secret_file"  # noqa: S105 - a field's name

    url_file: str | None = Field(
        default=None,
        min_length=1,
        description="File with the URL, where the URL itself is a secret (chat services).",
    )
    secret_file: str | None = Field(
        default=None,
        min_length=1,
        description="File with the password (Smtp) or the bearer token (Webhook, Alertmanager).",
    )


class SecretKeyReference(ApiModel):
    """One value of a Secret of the same namespace."""

    name: str = Field(
        min_length=1, max_length=63, pattern=NAME_PATTERN, description="Name of the Secret in this namespace."
    )
    key: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
        description="Key of its value, such as token.",
    )


def _unused_rules() -> Iterator[tuple[str, str]]:
    """What a channel's type does not use, as the API server refuses it: a rule for each field, so that the refusal names it."""
    for field, types in _users("url_secret_ref", "secret_ref").items():
        wire = _wire(field)
        match _UNUSED.get(field):
            case None:
                unused = f"!has(self.{wire})"
            case str(default):
                unused = f"self.{wire} == '{default}'"
            case _:
                unused = f"size(self.{wire}) == 0"
        yield (
            f"self.type in [{', '.join(map(repr, types))}] || {unused}",
            f"alerts: {wire} is for {_either(types)}, and this channel does not use it: remove it",
        )


class AlertChannelSpec(Channel):
    """A channel of a MarketMaker. Secrets are references: the operator mounts them into the trader and never reads them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.type != 'Smtp' || (has(self.host) && has(self.sender) && size(self.recipients) > 0)",
                "alerts: an Smtp channel needs host, sender and recipients",
            ),
            (
                "!(self.type in ['Webhook', 'Alertmanager']) || has(self.url) != has(self.urlSecretRef)",
                "alerts: a Webhook or Alertmanager channel needs url, or urlSecretRef, and not both",
            ),
            (
                "!has(self.url) || self.url.startsWith('http://') || self.url.startsWith('https://')",
                "alerts: url must begin with http:// or https://",
            ),
            (
                "!has(self.username) || has(self.secretRef)",
                "alerts: a channel with a username needs secretRef, too",
            ),
            (
                "!has(self.username) || self.security != 'none'",
                "alerts: security none would send a password in the clear; use starttls or tls",
            ),
            (
                "self.type != 'Smtp' || !has(self.secretRef) || has(self.username)",
                "alerts: an Smtp channel with secretRef needs a username to log in with; give it one, or remove secretRef",
            ),
            *_unused_rules(),
        )
    )

    url_secret = "url_secret_ref"  # noqa: S105 - a field's name
    secret = "secret_ref"  # noqa: S105 - a field's name

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=NAME_PATTERN,
        description="For logs, messages and files; once each.",
    )
    url_secret_ref: SecretKeyReference | None = Field(
        default=None, description="Where the URL is, where the URL itself is a secret (chat services)."
    )
    secret_ref: SecretKeyReference | None = Field(
        default=None, description="Where the password (Smtp) or the bearer token (Webhook, Alertmanager) is."
    )


class AlertRules(ApiModel):
    """How much is said."""

    throttle: Annotated[Duration, Between("0s", "1d")] = Field(
        default=timedelta(seconds=60),
        description="Alerts of one kind, severity, reason and halt go to a channel once in this time; the rest as a number. 0s: all. Up to 1d.",
    )
    queue: Whole = Field(
        default=256, ge=1, le=10_000, description="Alerts that may wait for one channel. 1 to 10000."
    )


class AlertsConfig(AlertRules):
    """Which alerts go where. docs/trader.md has an example of each channel."""

    channels: list[AlertChannel] = Field(default_factory=list, max_length=8)

    @model_validator(mode="after")
    def _names_once(self) -> AlertsConfig:
        _once(self.channels)
        return self


class AlertsSpec(AlertRules):
    """Which alerts go where. Taken over when the trader next starts; never a new revision."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.channels.all(a, self.channels.exists_one(b, b.name == a.name))",
                "spec.alerts.channels: two channels have the same name; give each its own",
            ),
        )
    )

    channels: list[AlertChannelSpec] = Field(default_factory=list, max_length=8)

    @model_validator(mode="after")
    def _names_once(self) -> AlertsSpec:
        _once(self.channels)
        return self

    def secrets(self) -> list[str]:
        """Names of the Secrets that the channels refer to, once each, in order."""
        found = [
            reference.name
            for channel in self.channels
            for reference in (channel.url_secret_ref, channel.secret_ref)
            if reference is not None
        ]
        return sorted(set(found))


def _once(channels: list[AlertChannel] | list[AlertChannelSpec]) -> None:
    names = [channel.name for channel in channels]
    if len(set(names)) != len(names):
        raise ValueError("alerts: two channels have the same name")
