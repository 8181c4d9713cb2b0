"""Every call of the admin port, in one table: the server's routes, docs/reference/admin-api.md and its test are made from it."""

from __future__ import annotations

import msgspec


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `handler`: the name of the method that answers it."""

    method: str
    path: str
    handler: str
    does: str
    body: str = ""
    """Example of a request body; empty: none is read."""
    query: str = ""
    """Example of a query; empty: none is read."""
    answers: str = "200"
    """Status codes and what they say."""

    @property
    def guarded(self) -> bool:
        """Wants the bearer token."""
        return self.path.startswith("/admin")


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/healthz",
        handler="healthz",
        does="Liveness: the loop goes round and no task that must run has ended.",
        answers="200 alive · 503 not",
    ),
    Route(
        method="GET",
        path="/readyz",
        handler="readyz",
        does="Readiness: lease, connections and (unless halted) a reconciliation. A halted trader is ready and names its halts.",
        answers="200 ready · 503 with what is missing",
    ),
    Route(
        method="GET",
        path="/status",
        handler="status",
        does="Phase, reasons, halts, positions, PnL, quotes, connections, parts, the last reload.",
    ),
    Route(
        method="GET",
        path="/metrics",
        handler="metrics",
        does="Prometheus' text format; docs/metrics.md has every metric.",
    ),
    Route(
        method="GET",
        path="/admin/config",
        handler="config",
        does="The config in force, the fields that wait for a restart, and the last reload. Secrets are never in a config.",
    ),
    Route(
        method="POST",
        path="/admin/config/reload",
        handler="reload",
        does="Read the config file now (as SIGHUP does) and say what became of it.",
        answers="200 applied, unchanged or meant for the next incarnation · 422 refused, with every reason",
    ),
    Route(
        method="GET",
        path="/admin/orders",
        handler="orders",
        does="Orders that are or may be open, unknown ones included.",
    ),
    Route(
        method="POST",
        path="/admin/reconcile",
        handler="reconcile",
        does="Compare with the venue now: one symbol, or all.",
        body='{"symbol": "ETHUSDC"}',
        answers="202 asked · 400 a symbol that is not traded here",
    ),
    Route(
        method="GET",
        path="/admin/risk/status",
        handler="risk_status",
        does="Halts with their ids, risk level and reasons, loss, drawdown, limits.",
    ),
    Route(
        method="POST",
        path="/admin/risk/reset",
        handler="risk_reset",
        does="Lift the halt that is named, and no other.",
        body='{"haltId": "risk-dailyloss-m1x2y3"}',
        answers="200 lifted · 400 none named · 404 no such halt · 409 an operator manages this trader (the answer has the kubectl "
        "command) · 503 the store does not answer",
    ),
    Route(
        method="POST",
        path="/admin/halt",
        handler="halt",
        does="Emergency stop: cancel everything, latch a halt that only `risk/reset` with its id lifts. Obeyed whatever the body holds; a "
        "reason that is not CamelCase goes into the message.",
        body='{"reason": "Drill", "message": "exercise"}',
        answers="202 with the halts",
    ),
    Route(
        method="POST",
        path="/admin/pause",
        handler="pause",
        does="Pause: `Halted` cancels everything, `ReduceOnly` quotes only what brings positions down. Survives restarts, counts as "
        "no breach, ends with `resume`.",
        body='{"level": "Halted", "message": "maintenance"}',
        answers="202 with the pause's id · 400 no such level · 409 an operator manages this trader",
    ),
    Route(
        method="POST",
        path="/admin/resume",
        handler="resume",
        does="End the pauses that `pause` made. Other halts stay.",
        answers="200 with the ids · 409 an operator manages this trader · 503 the store does not answer",
    ),
    Route(
        method="GET",
        path="/admin/profile/cpu",
        handler="profile_cpu",
        does="Sample the event loop's thread for some seconds (pyinstrument, every millisecond) and show where the time went; "
        "`format` is `text`, `html` or `speedscope`. Costs nothing while it is not asked for.",
        query="seconds=10&format=text",
        answers="200 · 400 out of range · 409 another profile runs",
    ),
    Route(
        method="GET",
        path="/admin/profile/heap",
        handler="profile_heap",
        does="Trace allocations for some seconds (tracemalloc) and show, line by line, what was allocated and is still held. Costs "
        "nothing while it is not asked for; slows Python down while it runs.",
        query="seconds=10&top=30",
        answers="200 · 400 out of range · 409 another profile runs",
    ),
    Route(
        method="GET",
        path="/admin/summary",
        handler="summary",
        does="Hourly check and daily summary as they would be sent now: order accuracy, drift, violations, health; trades, return, "
        "problems. `mm-trader summary` prints it.",
    ),
)


def curl(route: Route) -> str:
    """An example call on the default port."""
    words = ["curl -s"]
    if route.method != "GET":
        words.append(f"-X {route.method}")
    if route.guarded:
        words.append('-H "Authorization: Bearer $MM_ADMIN_TOKEN"')
    if route.body:
        words.append(f"-d '{route.body}'")
    url = f"http://127.0.0.1:9100{route.path}" + (f"?{route.query}" if route.query else "")
    words.append(f"'{url}'" if route.query else url)
    return " ".join(words)


def document() -> str:
    """docs/reference/admin-api.md, whole."""
    lines = [
        "# The trader's admin port",
        "Generated from `trader/mm_trader/shell/admin/routes.py` by `python -m mm_trader.shell.admin.routes`; a test fails when it differs.",
        "",
        "`/admin/…` wants `Authorization: Bearer TOKEN` (`admin.tokenFile` or `MM_ADMIN_TOKEN`); without a configured token it "
        "answers loopback only (403 to others, 401 for a",
        "wrong token). Answers are JSON unless said otherwise. Bodies are JSON objects; a field that is missing, wrong or unknown is named (400).",
        "",
        "| call | does | answers |",
        "|---|---|---|",
    ]
    lines += [f"| `{r.method} {r.path}` | {r.does} | {r.answers} |" for r in ROUTES]
    lines += ["", "## By hand", "```"]
    lines += [curl(route) for route in ROUTES]
    lines += ["```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
