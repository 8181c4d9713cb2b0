"""What a simulator runs with, typed and checked, from code, command line, YAML file or environment.

Every error is one line that names the option and says how to mend it (`ConfigError`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from .engine.checks import to_e8
from .engine.types import E8, StpMode, SymbolSpec

QUOTES = ("USDC", "USDT", "FDUSD", "BUSD", "USD", "EUR", "BTC", "ETH", "BNB")
"""Quote assets that a symbol's name is split at, in the order they are tried."""
MAX_LEVERAGE = 125


class ConfigError(ValueError):
    """The configuration cannot be used; the text is one line for the person who wrote it."""


class Product(StrEnum):
    """What the venue trades. One simulator is one product."""

    SPOT = "spot"
    USDM = "usdm"
    """USD-M perpetual futures."""


class MarketKind(StrEnum):
    SEEDED = "seeded"
    REPLAY = "replay"
    BOTH = "both"
    """Recordings with the generator's takers among them; symbols without a recording are generated."""


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """`seeded:SEED[:PRESET]`, `replay:FILE[@SYMBOL],…`, or both joined by a comma."""

    kind: MarketKind = MarketKind.SEEDED
    seed: str = "1"
    preset: str = "calm"
    files: tuple[tuple[str, str | None], ...] = ()
    """Recorded files with the symbol each is to appear as, None = by base asset or order."""


PublicKey = Ed25519PublicKey | RSAPublicKey
KEY_KINDS: dict[str, tuple[type[PublicKey], str]] = {
    "ed25519=": (Ed25519PublicKey, "Ed25519"),
    "rsa=": (RSAPublicKey, "RSA"),
}
"""What a public key is written after in place of a secret."""


@dataclass(frozen=True, slots=True)
class KeyConfig:
    """One API key. `secret` (HMAC) or `public_key` (Ed25519, RSA). Never shown in a repr."""

    api_key: str
    secret: str | None = field(default=None, repr=False)
    public_key: PublicKey | None = field(default=None, repr=False)
    may_trade: bool = True


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """An account: its name, keys, starting balances (10^-8 by asset), and commissions if not the market's."""

    name: str
    keys: tuple[KeyConfig, ...]
    balances: dict[str, int]
    maker_commission: Decimal | None = None
    taker_commission: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LimitConfig:
    """What a client may do. 0 switches one off; None: the product's own, Binance's. exchangeInfo states the first five."""

    weight_per_minute: int | None = None
    raw_per_5_minutes: int | None = None
    orders_per_10s: int | None = None
    orders_per_minute: int | None = None
    orders_per_day: int | None = None
    connects_per_5_minutes: int = 300
    """New WebSockets of one address; more are refused with 429."""
    stream_messages_per_s: int | None = None
    """Frames (text, ping, pong) from a client on a market stream; on the WebSocket API its pings and pongs. More: closed."""
    streams_per_connection: int = 1024
    ban_after: int = 20
    """Requests of one address that are refused with 429 within its window before it is banned (418)."""
    connection_life_s: int = 86_400
    """A WebSocket is closed at this age."""

    def of(self, product: Product) -> LimitConfig:
        """With every field set."""
        own = PRODUCT_LIMITS[product]
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(own, **{name: value for name, value in given.items() if value is not None})


PRODUCT_LIMITS = {
    Product.SPOT: LimitConfig(6000, 300_000, 100, 0, 200_000, stream_messages_per_s=5),
    Product.USDM: LimitConfig(2400, 0, 300, 1200, 0, stream_messages_per_s=10),
}


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Paths of PEM files; the key may stand in the certificate's."""

    certificate: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything. The defaults run a calm seeded market of ETHUSDC and BTCUSDC on a free port of 127.0.0.1."""

    accounts: tuple[AccountConfig, ...] = ()
    product: Product = Product.SPOT
    symbols: tuple[SymbolSpec, ...] = ()
    market: MarketConfig = MarketConfig()
    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 1.0
    limits: LimitConfig = LimitConfig()
    default_stp: StpMode = StpMode.EXPIRE_MAKER
    ping_interval_s: float | None = None
    """Seconds between server pings; None = 20 on a system clock, never on a manual one."""
    leverage: int = 20
    """usdm: of every account and symbol until it is changed."""
    funding_rate: Decimal = Decimal("0.0001")
    """usdm: what longs pay shorts at each settlement, as a part of the notional; negative: the other way round."""
    funding_interval_s: float = 8 * 3600.0
    """usdm: settlements are at whole multiples of this since the epoch."""
    tls: TlsConfig | None = None
    """Serve https and wss instead, for clients that take no other address."""
    stop_orders: bool = True
    """spot: whether orders may wait for a stop price."""
    listen_keys: bool = False
    """spot: listenKeys as they were until 2026-02-20, for clients that know no other user stream."""
    journal_size: int = 20_000
    """Audit entries kept; about 300 bytes each."""

    def __post_init__(self) -> None:
        if not self.symbols:
            object.__setattr__(self, "symbols", parse_symbols("ETHUSDC,BTCUSDC", self.product))
        if not self.stop_orders:
            without = tuple(replace(spec, stop_orders=False) for spec in self.symbols)
            object.__setattr__(self, "symbols", without)
        object.__setattr__(self, "limits", self.limits.of(self.product))
        if not 1 <= self.leverage <= MAX_LEVERAGE:
            raise ConfigError(f"--leverage {self.leverage}: must be 1 to {MAX_LEVERAGE}")
        if not 1 <= self.funding_interval_s <= 86_400:
            raise ConfigError(f"--funding-interval {self.funding_interval_s:g}: must be 1 to 86400 seconds")
        if not abs(self.funding_rate) <= Decimal("0.05"):
            raise ConfigError(f"--funding-rate {self.funding_rate}: must lie between -0.05 and 0.05")
        if not 0 < self.speed <= 1000:
            raise ConfigError(f"--speed {self.speed}: must be above 0 and at most 1000")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"--port {self.port}: must be 0 to 65535")
        names = [a.name for a in self.accounts]
        keys = [k.api_key for a in self.accounts for k in a.keys]
        for what, values in (("account", names), ("API key of account", keys)):
            if len(set(values)) != len(values):
                raise ConfigError(f"--account: the same {what} is given twice; each must be its own")


def parse_symbols(text: str, product: Product = Product.SPOT) -> tuple[SymbolSpec, ...]:
    """`ETHUSDC,BTCUSDC` as symbol rules."""
    names = [n.strip().upper() for n in text.split(",") if n.strip()]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"--symbols {text!r}: give each symbol once, as in ETHUSDC,BTCUSDC")
    return tuple(symbol_spec(name, product) for name in names)


def symbol_spec(name: str, product: Product = Product.SPOT) -> SymbolSpec:
    """Rules of a symbol by its name: tick 0.01, lot by base asset, minimum notional 5. Perpetuals: lot 0.001, BTC's tick 0.1."""
    for quote in QUOTES:
        base = name.removesuffix(quote)
        if base and base != name:
            break
    else:
        raise ConfigError(f"--symbols {name}: cannot tell its quote asset; known are {', '.join(QUOTES)}")
    if not name.isalnum() or not name.isascii():
        raise ConfigError(f"--symbols {name!r}: only letters and digits")
    if product is Product.USDM:
        tick, lot = E8 // 10 if base == "BTC" else E8 // 100, E8 // 1000
        return SymbolSpec(
            name, base, quote, tick_e8=tick, lot_e8=lot, min_price_e8=tick, min_qty_e8=lot,
            percent_up_e4=10_500, percent_down_e4=9_500, stop_orders=False, perpetual=True,
        )  # fmt: skip
    lot = E8 // 100_000 if base == "BTC" else E8 // 10_000
    return SymbolSpec(name, base, quote, lot_e8=lot, min_qty_e8=lot)


RATE_NAMES = ("maker-commission=", "taker-commission=")


def parse_account(text: str, option: str = "--account") -> AccountConfig:
    """`NAME:KEY:SECRET:ASSET=AMOUNT,…`; SECRET may be `ed25519=PUBLIC` or `rsa=PUBLIC` (base64, or the path of a PEM file).

    `maker-commission=R` and `taker-commission=R` may stand among the balances.
    """
    parts = text.split(":", 3)
    name = parts[0] if parts[0] else "?"
    if len(parts) != 4 or not all(parts[:3]):
        raise ConfigError(
            f"{option} {name}: must be NAME:KEY:SECRET:ASSET=AMOUNT,… (as in …:ETH=10,USDC=50000)"
        )
    where = f"{option} {name}"
    key = make_key(parts[1], parts[2], where)
    pairs = [part.strip() for part in parts[3].split(",")]
    rates = dict(part.split("=", 1) for part in pairs if part.startswith(RATE_NAMES))
    maker, taker = (
        parse_rate(rates[rate], f"{where}: {rate}") if rate in rates else None
        for rate in ("maker-commission", "taker-commission")
    )
    balances = ",".join(part for part in pairs if not part.startswith(RATE_NAMES))
    return AccountConfig(name, (key,), parse_balances(balances, where), maker, taker)


def make_key(api_key: str, secret: str, where: str) -> KeyConfig:
    if not (api_key.isalnum() and api_key.isascii()):
        raise ConfigError(f"{where}: the API key may hold letters and digits only")
    for prefix in KEY_KINDS:
        if secret.startswith(prefix):
            return KeyConfig(api_key, public_key=parse_public_key(secret.removeprefix(prefix), where, prefix))
    return KeyConfig(api_key, secret=secret)


def parse_public_key(text: str, where: str, prefix: str = "ed25519=") -> PublicKey:
    """A public key: base64 of DER (Ed25519: or of the raw 32 bytes), PEM text, or the path of a PEM file."""
    kind, name = KEY_KINDS[prefix]
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.encode())
        elif text.endswith(".pem"):
            key = load_pem_public_key(Path(text).read_bytes())
        else:
            raw = base64.b64decode(text, validate=True)
            short = len(raw) == 32 and kind is Ed25519PublicKey
            key = Ed25519PublicKey.from_public_bytes(raw) if short else load_der_public_key(raw)
    except (OSError, ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: not an {name} public key (base64 or a .pem file)") from error
    if not isinstance(key, kind):
        raise ConfigError(f"{where}: the public key is of another kind than {name}")
    assert isinstance(key, Ed25519PublicKey | RSAPublicKey)
    return key


def parse_balances(text: str, where: str) -> dict[str, int]:
    """`ETH=10,USDC=50000` as 10^-8 integers by asset."""
    balances: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        asset, _, amount = part.partition("=")
        try:
            balances[asset.strip().upper()] = to_e8(amount.strip())
        except ValueError as error:
            raise ConfigError(f"{where}: balance {part!r} must be ASSET=AMOUNT, as in ETH=10") from error
    return balances


def parse_market(text: str) -> MarketConfig:
    """`seeded:SEED[:PRESET]`, `replay:FILE[@SYMBOL][,FILE…]`, or both, joined by a comma in any order."""
    seeded: tuple[str, str] | None = None
    files: list[tuple[str, str | None]] = []
    replaying = False
    for item in filter(None, text.split(",")):
        kind, _, rest = item.partition(":")
        if kind == MarketKind.SEEDED and seeded is None:
            seed, _, preset = rest.partition(":")
            seeded = (seed or "1", preset or "calm")
            replaying = False
        elif kind == MarketKind.REPLAY and rest and not files:
            files.append(_recorded_file(rest))
            replaying = True
        elif replaying:
            files.append(_recorded_file(item))
        else:
            raise ConfigError(
                f"--market {item!r}: must be seeded:SEED[:PRESET] or replay:FILE[@SYMBOL],…, or both"
            )
    if seeded is None and not files:
        raise ConfigError(
            f"--market {text!r}: must be seeded:SEED[:PRESET] or replay:FILE[@SYMBOL],…, or both"
        )
    if seeded is None:
        return MarketConfig(MarketKind.REPLAY, files=tuple(files))
    return MarketConfig(MarketKind.BOTH if files else MarketKind.SEEDED, *seeded, tuple(files))


def _recorded_file(item: str) -> tuple[str, str | None]:
    path, at, symbol = item.rpartition("@")
    named = at and "/" not in symbol and "." not in symbol
    return (path, symbol.upper()) if named else (item, None)


def parse_rate(text: str, where: str) -> Decimal:
    """A commission rate as a decimal part of one, between −0.01 and 0.01."""
    try:
        rate = Decimal(text)
    except ArithmeticError as error:
        raise ConfigError(f"{where} {text!r}: must be a decimal, as in 0.001") from error
    if not Decimal("-0.01") <= rate <= Decimal("0.01"):
        raise ConfigError(f"{where} {text}: must lie between -0.01 and 0.01")
    return rate
