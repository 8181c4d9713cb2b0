"""The options of `mm-trader simulate`, each declared once: command line and YAML file are made from the same table."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from .faults import FAULTS

EXAMPLES = f"""\
A venue for one account, and something to look at: the page, a book, a signed client of your own.
  mm-trader simulate --account demo:DEMOKEY:DEMOSECRET:ETH=10,BTC=1,USDC=50000
  xdg-open http://127.0.0.1:9443/
  curl 'http://127.0.0.1:9443/api/v3/depth?symbol=ETHUSDC&limit=5'
  REST http://127.0.0.1:9443/api/v3/…   WebSocket API ws://127.0.0.1:9443/ws-api/v3   streams ws://127.0.0.1:9443/ws, /stream

Perpetual futures instead of spot (/fapi/v1/…, /ws-fapi/v1, /public, /market, /private):
  mm-trader simulate --product usdm --account demo:DEMOKEY:DEMOSECRET:USDC=50000

A client of yours needs only its addresses changed, as in
  ccxt             exchange.urls["api"]: http://127.0.0.1:9443 for https://api.binance.com, and so on
  python-binance   Client.API_URL = "http://127.0.0.1:9443/api"; WS_API_URL = "ws://127.0.0.1:9443/ws-api/v3"
  official SDKs    base_path = "http://127.0.0.1:9443", stream_url = "ws://127.0.0.1:9443/ws-api/v3"
  NautilusTrader   base_url_http = "http://127.0.0.1:9443", base_url_ws = "ws://127.0.0.1:9443"
  If it insists on https and wss: --tls-cert. If it needs a listenKey on spot: --listen-keys on.

Markets:
  --market seeded:7                             a generator; the same seed gives the same market
  --market seeded:7:toxic                       with takers who know where the price goes (or a .yaml of your own)
  --market replay:eth_a.jsonl.gz btc.jsonl.gz   recorded traffic; your orders meet recorded liquidity
  --market replay:eth_a.jsonl.gz seeded:7       both: takers from the generator join the recording, and symbols
                                                without one are generated

Trouble:
  curl -X POST http://127.0.0.1:9443/admin/price -d '{{"symbol": "ETHUSDC", "by_bp": -50}}'
  curl -X POST http://127.0.0.1:9443/admin/fault -d '{{"fault": "drop_after", "call": "place", "count": 2}}'
  curl -X POST http://127.0.0.1:9443/admin/reset
  curl http://127.0.0.1:9443/admin/catalogue    every action and fault with its fields
  --scenario configs/scenarios/bad-day.yaml     the same, at set times
  faults: {", ".join(FAULTS)}

Secrets: one on the command line shows in `ps`. Prefer --account-file (one NAME:KEY:SECRET:BALANCES a line) or
--accounts-from-env PREFIX. SECRET may be ed25519=PUBLIC or rsa=PUBLIC (base64 or the path of a .pem file) for keys of that kind.

A YAML file (--config) holds the same options under the same names; the command line wins:
  port: 9443
  market: [seeded:7:toxic]
  limits: {{orders-per-10s: 50}}
  account:
  - {{name: demo, key: DEMOKEY, secret: DEMOSECRET, balances: {{ETH: '10', USDC: '50000'}}}}

docs/simulator.md has the rest: calls, filters, the markets' parameters, the admin API, use inside a test.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `many`: may be given several times (a list in YAML); `words`: takes several words at once."""

    metavar: str
    help: str
    group: str
    kind: type = str
    many: bool = False
    words: bool = False


ADDRESS, ACCOUNTS, MARKET, RULES = "address", "accounts", "market", "rules"
OPTIONS: dict[str, Option] = {
    "port": Option("N", "port to listen on; 0 picks a free one (default 9443)", ADDRESS, int),
    "host": Option("ADDRESS", "address to listen on (default 127.0.0.1)", ADDRESS),
    "tls_cert": Option(
        "FILE", "PEM certificate: serve https and wss, for clients that take no other address", ADDRESS
    ),
    "tls_key": Option("FILE", "its key, where the certificate's file does not hold it", ADDRESS),
    "account": Option(
        "NAME:KEY:SECRET:ETH=10,USDC=50000",
        "an account; repeatable. `maker-commission=R` and `taker-commission=R` may stand among the balances",
        ACCOUNTS,
        many=True,
    ),
    "account_file": Option("FILE", "file with one account a line; repeatable", ACCOUNTS, many=True),
    "accounts_from_env": Option("PREFIX", "read accounts from variables that begin with PREFIX", ACCOUNTS),
    "product": Option("PRODUCT", "spot, or usdm for USD-M perpetual futures (default spot)", MARKET),
    "symbols": Option("LIST", "symbols to trade (default ETHUSDC,BTCUSDC)", MARKET),
    "market": Option(
        "SPEC",
        "seeded:SEED[:PRESET] (presets: calm, toxic, or a .yaml file), replay:FILE[@SYMBOL] [FILE…], or both "
        "(default seeded:1:calm)",
        MARKET,
        words=True,
    ),
    "speed": Option(
        "X",
        "the market runs X times faster; the venue's clock does not, so timestamps and signatures stay valid (default 1)",
        MARKET,
        float,
    ),
    "scenario": Option("FILE", "YAML file of timed admin actions to run from the start", MARKET),
    "maker_commission": Option("RATE", "for every account, as in 0.001 (default: the market's)", RULES),
    "taker_commission": Option("RATE", "for every account, as in 0.001 (default: the market's)", RULES),
    "stp": Option("MODE", "default self-trade prevention (default EXPIRE_MAKER)", RULES),
    "leverage": Option("N", "usdm: of every account at first (default 20)", RULES, int),
    "funding_rate": Option("RATE", "usdm: longs pay shorts at each settlement (default 0.0001)", RULES),
    "funding_interval": Option("SECONDS", "usdm: between settlements (default 28800)", RULES, float),
    "limits": Option(
        "NAME=N,…",
        "limits on clients, 0 = off: weight-per-minute, raw-per-5-minutes, orders-per-10s, orders-per-minute, "
        "orders-per-day, connects-per-5-minutes, stream-messages-per-s, streams-per-connection, ban-after, connection-life-s "
        "(default: Binance's own)",
        RULES,
    ),
    "ping_interval": Option("SECONDS", "between the venue's pings; 0 for none (default 20)", RULES, float),
    "stop_orders": Option(
        "on|off",
        "spot: whether symbols have stop loss and take profit orders and order lists; off: they are refused as where a symbol has none (default on)",
        RULES,
    ),
    "listen_keys": Option(
        "on|off",
        "spot: serve listenKeys, gone at Binance since 2026-02-20, to clients that know no other user stream "
        "(default off)",
        RULES,
    ),
    "journal_size": Option("N", "audit entries kept, about 300 bytes each (default 20000)", RULES, int),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options and the examples, on a parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    groups: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        group = groups.setdefault(option.group, None) or parser.add_argument_group(option.group)
        groups[option.group] = group
        extra: dict[str, Any] = {"type": option.kind}
        if option.many:
            extra = {"action": "append"}
        elif option.words:
            extra = {"nargs": "+"}
        group.add_argument(
            f"--{name.replace('_', '-')}", metavar=option.metavar, help=option.help, dest=name, **extra
        )
    parser.add_argument("--config", metavar="FILE", help="YAML file of these options")
