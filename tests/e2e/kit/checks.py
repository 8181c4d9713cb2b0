"""What a scenario looks for in one MarketMaker: its status, its pod, its orders at the venue, its records."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from e2e.kit.api import NotFound, Object, Refused
from e2e.kit.deadline import always, eventually
from e2e.kit.objects import ETH
from e2e.kit.store import Store
from e2e.kit.venue import crowded_sides, repeated_orders, second_writers, token_of
from e2e.kit.world import Maker, World


class MakerChecks:
    """Then-sentences about one MarketMaker. `within` is in seconds."""

    def __init__(self, world: World, maker: Maker) -> None:
        self._world = world
        self._maker = maker

    # --- status -----------------------------------------------------------------------------------
    def reaches(self, state: str, *, within: float, **fields: str) -> Object:
        """STATE becomes `state`, with other columns (stage=…, capital=…) as named. Returns the status."""
        wanted = {"state": state, **fields}

        def matches(status: Object) -> bool:
            return all(status.get(name) == value for name, value in wanted.items())

        return eventually(
            f"{self._maker.name} reaches {wanted}",
            self._maker.status,
            until=matches,
            within=within,
        )

    def has_condition(
        self, kind: str, status: str, *, within: float, reason: str = "", says: str = ""
    ) -> Object:
        """A condition is there, with a reason and words in its message where given."""

        def look() -> Object:
            found = self._maker.condition(kind)
            assert found.get("status") == status, found
            assert reason in ("", found["reason"]), found
            assert says.lower() in found["message"].lower(), found
            return found

        return eventually(f"{self._maker.name} has {kind}={status} {reason}", look, within=within)

    def is_halted(self, *, by: str, within: float, level: str = "Halted") -> Object:
        """STATE is `level`, and a halt of that source is named. Returns the halt."""
        self.reaches(level, within=within)
        found = eventually(f"a halt by {by}", lambda: self._maker.halts(by), within=5)
        return found[0]

    def stays(self, state: str, *, during: float) -> None:
        """STATE does not change."""
        always(
            f"{self._maker.name} stays {state}",
            self._maker.status,
            during=during,
            until=lambda s: s["state"] == state,
        )

    def halt_is_gone(self, halt_id: str, *, within: float) -> None:
        """The halt is no longer named."""
        eventually(
            f"halt {halt_id} gone",
            self._maker.halts,
            until=lambda all_: halt_id not in [h["id"] for h in all_],
            within=within,
        )

    def has_another_revision_than(self, revision: str, *, within: float) -> Object:
        """A new revision is being judged. Returns the status."""
        return eventually(
            f"{self._maker.name} has another revision than {revision}",
            self._maker.status,
            until=lambda status: (status.get("run") or {}).get("revision") not in (None, revision),
            within=within,
        )

    # --- what the trader says of itself -----------------------------------------------------------
    def _store(self) -> Store:
        return Store(self._world.installation, self._world.identity(self.account()))

    def reports_phase(self, phase: str, *, within: float, since: float = 0) -> Object:
        """The trader's reported state has this phase, written after the wall time `since`."""
        return eventually(
            f"{self._maker.name} reports {phase}",
            self._store().state,
            until=lambda state: state.get("phase") == phase and state["updatedMs"] > since * 1000,
            within=within,
            every=0.5,
        )

    def holds_inventory(self, *, within: float, symbol: str = ETH) -> Decimal:
        """Its position in the symbol is not zero. Returns it, in base units."""
        state = eventually(
            f"{self._maker.name} has a position",
            self._store().state,
            until=lambda state: Decimal(state.get("positions", {}).get(symbol, "0")) != 0,
            within=within,
            every=0.5,
        )
        return Decimal(state["positions"][symbol])

    def evidence(self) -> Object:
        """The counters of the scope it works on."""
        store = self._store()
        return store.evidence(store.state()["scope"])

    def latches(self) -> dict[str, Object]:
        """The latches in Redis by id."""
        return self._store().latches()

    def latched_at(self, halt_id: str) -> float:
        """Wall time, in seconds, at which the trader set the latch."""
        return float(self.latches()[halt_id]["atMs"]) / 1000

    def agrees_with_the_venue(self, *, within: float) -> None:
        """As many open orders as the venue knows, none unknown, and no anomaly counted."""
        on = self.account()

        def look() -> tuple[Object, int]:
            return self._store().state(), len(self._world.market().open_orders(on))

        eventually(
            f"{self._maker.name} and the venue agree",
            look,
            until=lambda both: both[0]["openOrders"] == both[1] and both[0]["unknownOrders"] == 0,
            within=within,
        )
        assert self.evidence()["orderAnomalies"] == 0

    # --- pods -------------------------------------------------------------------------------------
    def has_no_pod(self, *, within: float) -> None:
        """There is no pod."""
        eventually(
            f"{self._maker.name} has no pod", self._maker.pods, until=lambda pods: not pods, within=within
        )

    def has_another_pod_than(self, before: Object, *, within: float) -> Object:
        """A new pod has come in place of `before`."""
        old = before["metadata"]["uid"]
        return eventually(
            f"{self._maker.name} has a new pod",
            self._maker.pod,
            until=lambda pod: pod["metadata"]["uid"] != old,
            within=within,
        )

    def waited_for_the_api_server_to_know_its_claim(self, pod: Object) -> bool:
        """The API server refused kubelet the claim of this pod ("no relationship found"): it had not yet worked out that the pod is on kubelet's node.

        Kubelet looks again ten seconds later. It happens on a busy node, and nothing of ours runs meanwhile.
        """
        uid = pod["metadata"]["uid"]
        return any(
            event["involvedObject"].get("uid") == uid
            and event.get("reason") == "FailedMount"
            and "no relationship found between node" in (event.get("message") or "")
            for event in self._world.api.list("events", self._world.namespace)
        )

    def never_had_a_pod(self) -> None:
        """There is no pod, and no StatefulSet that would make one."""
        assert not self._maker.pods()
        sets = self._world.api.list(
            "statefulsets", self._world.namespace, f"mm-rebuild.io/marketmaker={self._maker.name}"
        )
        assert not [item for item in sets if item["spec"]["replicas"]], "a StatefulSet would make a pod"

    # --- orders -----------------------------------------------------------------------------------
    def account(self) -> str:
        """The account it runs on, as the scenario names it."""
        return self._world.account_of(self._maker)

    def quotes(
        self,
        *,
        within: float,
        symbols: tuple[str, ...] = (ETH,),
        account: str = "",
        both_sides: bool = True,
    ) -> None:
        """A bid and an ask rest at the venue for each symbol. `both_sides=False`: its inventory may be full, so that one of them is enough."""
        on = account or self.account()
        eventually(
            f"{self._maker.name} quotes {', '.join(symbols)} on {on}",
            lambda: self._world.is_quoting(on, symbols, both_sides=both_sides),
            within=within,
        )

    def keeps_trading(self, *, account: str = "", within: float = 40) -> None:
        """New orders are accepted from it from now on."""
        on = account or self.account()
        mark = self._world.market().mark()
        eventually(
            f"{self._maker.name} places orders on {on}",
            lambda: [entry for entry in self._world.market().journal(on, mark) if entry.kind == "place"],
            within=within,
        )

    def has_no_open_orders(self, *, within: float, account: str = "") -> None:
        """Nothing rests at the venue."""
        on = account or self.account()
        eventually(
            f"no open order on {on}",
            lambda: self._world.market().open_orders(on),
            until=lambda left: not left,
            within=within,
        )

    def keeps_no_open_orders(self, *, during: float, account: str = "") -> None:
        """Nothing comes to rest at the venue."""
        on = account or self.account()
        always(
            f"no open order on {on}",
            lambda: self._world.market().open_orders(on),
            during=during,
            until=lambda left: not left,
        )

    def journal_mark(self) -> int:
        """Where the venue's journal ends now."""
        return self._world.market().mark()

    def silent_at(self, *, after: int) -> float:
        """Wall time at the venue of the change that left nothing open, in the journal behind `after`."""
        entries = self._world.market().journal(self.account(), after)
        closing = [entry for entry in entries if entry.open_orders == 0]
        assert closing, f"nothing in the venue's journal left the account without orders: {entries[-5:]}"
        last = closing[-1]
        assert not [entry for entry in entries if entry.kind == "place" and entry.seq > last.seq], (
            "it placed orders again"
        )
        return last.time

    def quotes_from_a_new_incarnation(self, *, after: int, within: float) -> None:
        """Both sides rest at the venue, placed by an incarnation that is newer than any in the journal up to `after`."""
        on = self.account()
        market = self._world.market()
        before = max(
            (entry.token for entry in market.journal(on) if entry.seq <= after and entry.kind == "place"),
            default=(0, 0),
        )

        def look() -> set[str]:
            mine = [item for item in market.open_orders(on) if token_of(str(item["clientOrderId"])) > before]
            return {str(item["side"]) for item in mine}

        eventually(
            f"{self._maker.name} quotes again",
            look,
            until=lambda sides: sides == {"BUY", "SELL"},
            within=within,
            every=0.1,
        )

    def wrote_with_one_token(self, *, after: int) -> None:
        """All orders behind `after` are of one incarnation: the trader was not restarted."""
        tokens = {
            entry.token
            for entry in self._world.market().journal(self.account(), after)
            if entry.kind == "place"
        }
        assert len(tokens) == 1, tokens

    def was_the_only_writer(self, *, account: str = "", after: int = 0) -> None:
        """In the venue's own journal: no order of an older incarnation after one of a newer, and none placed twice."""
        on = account or self.account()
        journal = self._world.market().journal(on, after)
        assert not second_writers(journal), second_writers(journal)
        assert not repeated_orders(journal), repeated_orders(journal)
        assert not crowded_sides(self._world.market().open_orders(on))

    # --- records ----------------------------------------------------------------------------------
    def has_records(self, *wanted: tuple[str, int, str], within: float = 10) -> list[Object]:
        """StageRecords are, in order, (stage, step, result)."""

        def look() -> list[Object]:
            return self._maker.records()

        def matches(records: list[Object]) -> bool:
            found = [
                (item["spec"]["stage"], item["spec"]["step"], item["spec"]["result"]) for item in records
            ]
            return found == list(wanted)

        return eventually(f"{self._maker.name} has records {wanted}", look, until=matches, within=within)

    def record_cannot_be_changed(self, record: Object) -> None:
        """The API server refuses a change of evidence."""
        change = {"spec": {"result": "Passed", "reason": "changed by a test"}}
        try:
            self._world.api.patch("stagerecords", self._world.namespace, record["metadata"]["name"], change)
        except Refused as refused:
            assert "evidence never changes" in refused.body, refused.body
            return
        raise AssertionError("a StageRecord was changed")

    # --- deletion ---------------------------------------------------------------------------------
    def is_gone(self, *, within: float) -> None:
        """The object, its pod, StatefulSets, ConfigMaps, Services and Secrets are gone."""
        self._eventually_absent("marketmakers", within, name=self._maker.name)
        for resource in (
            "pods",
            "statefulsets",
            "configmaps",
            "services",
            "secrets",
            "persistentvolumeclaims",
        ):
            self._eventually_absent(resource, 30, labels=f"mm-rebuild.io/marketmaker={self._maker.name}")

    def _eventually_absent(self, resource: str, within: float, *, name: str = "", labels: str = "") -> None:
        def left() -> list[Any]:
            if name:
                try:
                    return [self._world.api.get(resource, self._world.namespace, name)]
                except NotFound:
                    return []
            return [
                item["metadata"]["name"]
                for item in self._world.api.list(resource, self._world.namespace, labels)
            ]

        eventually(
            f"{resource} of {self._maker.name} gone", left, until=lambda items: not items, within=within
        )
