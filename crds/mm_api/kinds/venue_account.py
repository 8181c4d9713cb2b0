"""`VenueAccount` (va): an account at a venue, where its keys are, and how much capital all MarketMakers together may use of it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field, model_validator

from mm_api.addresses import is_real_money, practice_rule
from mm_api.kinds.common import Column, Condition, Environment, Names, ObjectReference, Resource, Venue
from mm_api.scalars import ApiModel, NonNegativeDecimal, PositiveDecimal, Switch, rules


class CapitalCeiling(ApiModel):
    """The most capital that all MarketMakers on this account may have at work together."""

    amount: PositiveDecimal = Field(
        description="Amount in units of `asset`, a decimal string such as '20000'."
    )
    asset: str = Field(
        pattern=r"^[A-Z0-9]{2,12}$", description="Quote asset the ceiling is counted in, such as USDC."
    )


class Endpoints(ApiModel):
    """Addresses of the venue. Only a simulator needs them: the others have well-known ones."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *(
                (
                    practice_rule(field),
                    f"spec.endpoints.{field} is real money: give a practice venue's address; or environment mainnet, allowRealMoney, no endpoints",
                )
                for field in ("rest", "wsApi")
            )
        )
    )

    rest: str = Field(
        max_length=253,
        pattern=r"^https?://[^ ]+$",
        description="Base of the REST API, such as http://mm-simulator:9180.",
    )
    stream: str = Field(
        max_length=253,
        pattern=r"^wss?://[^ ]+$",
        description="Base of the market streams, without /ws or /stream.",
    )
    ws_api: str = Field(
        max_length=253,
        pattern=r"^wss?://[^ ]+$",
        description="WebSocket API, with its path, such as ws://mm-simulator:9180/ws-api/v3.",
    )


class VenueAccountSpec(ApiModel):
    """An account at a venue. Two VenueAccounts that name the same Secret are the same trading identity."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "self.environment != 'mainnet' || self.allowRealMoney",
                "spec.environment: mainnet is real money; set spec.allowRealMoney: true to allow it",
            ),
            (
                "self.environment != 'simulator' || has(self.endpoints)",
                "spec.endpoints: environment simulator needs its addresses (rest, stream, wsApi)",
            ),
            (
                "self.environment != 'mainnet' || !has(self.endpoints)",
                "spec.endpoints: mainnet has fixed addresses; remove the field",
            ),
            (
                "self.environment == oldSelf.environment && self.credentialsSecretRef == oldSelf.credentialsSecretRef && self.venue == oldSelf.venue",
                "spec.venue, spec.environment and spec.credentialsSecretRef are what the account is and never change; make another VenueAccount",
            ),
        )
    )

    venue: Venue = Field(default=Venue.BINANCE, description="Exchange and product.")
    environment: Environment = Field(description="simulator, testnet, demo or mainnet.")
    allow_real_money: Switch = Field(
        default=False,
        description="Must be true for mainnet. A second switch, so that real money is never a typing error.",
    )
    credentials_secret_ref: ObjectReference = Field(
        description="Secret with keys `apiKey` and `secretKey` (HMAC). The operator never reads its values; it is mounted into the trader alone."
    )
    capital_ceiling: CapitalCeiling = Field(description="Ceiling over all MarketMakers on this account.")
    endpoints: Endpoints | None = Field(default=None, description="Addresses, for environment simulator.")

    @model_validator(mode="after")
    def _second_switch(self) -> VenueAccountSpec:
        """What the API server's rules say, again: money does not hang on whether they were asked."""
        mainnet = self.environment is Environment.MAINNET
        if mainnet and not self.allow_real_money:
            raise ValueError(
                "spec.environment: mainnet is real money; set spec.allowRealMoney: true to allow it"
            )
        if self.environment is Environment.SIMULATOR and self.endpoints is None:
            raise ValueError(
                "spec.endpoints: environment simulator needs its addresses (rest, stream, wsApi)"
            )
        if mainnet and self.endpoints is not None:
            raise ValueError("spec.endpoints: mainnet has fixed addresses; remove the field")
        for field, url in (
            (("rest", self.endpoints.rest), ("wsApi", self.endpoints.ws_api)) if self.endpoints else ()
        ):
            if is_real_money(url):
                raise ValueError(
                    f"spec.endpoints.{field} is real money: give a practice venue's address; or environment mainnet, allowRealMoney, no endpoints"
                )
        return self


class VenueAccountStatus(ApiModel):
    """Who trades on the account now."""

    model_config = ConfigDict(extra="ignore")

    observed_generation: int = 0
    holder: str | None = Field(default=None, description="MarketMaker that holds the account's identity.")
    capital_in_use: NonNegativeDecimal | None = Field(default=None, description="Capital at work now.")
    conditions: list[Condition] = Field(default_factory=list, max_length=16)


class VenueAccount(Resource):
    """An account at a venue."""

    names: ClassVar[Names] = Names("venueaccounts", "venueaccount", ("va",))
    columns: ClassVar[tuple[Column, ...]] = (
        Column("Venue", ".spec.venue"),
        Column("Environment", ".spec.environment"),
        Column("Ceiling", ".spec.capitalCeiling.amount"),
        Column("Holder", ".status.holder"),
        Column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        Column("Age", ".metadata.creationTimestamp", "date"),
    )

    kind: str = "VenueAccount"
    spec: VenueAccountSpec
    status: VenueAccountStatus | None = None
