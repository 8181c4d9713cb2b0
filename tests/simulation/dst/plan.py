"""What goes wrong in one run: everything is drawn from the seed, before and while it runs, from one generator."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .timeline import MS, SECOND


@dataclass(frozen=True)
class Network:
    """Chances per message, and how slow it is."""

    lose: float
    late: float
    """Held back for up to `late_ms`: overtaken by what was sent after it."""
    late_ms: int
    twice: float
    base_ms: float


CALM = Network(lose=0.0, late=0.0, late_ms=0, twice=0.0, base_ms=1.0)
NETWORKS = (
    CALM,
    Network(lose=0.0, late=0.05, late_ms=300, twice=0.0, base_ms=2.0),
    Network(lose=0.02, late=0.05, late_ms=800, twice=0.02, base_ms=2.0),
    Network(lose=0.08, late=0.15, late_ms=2_500, twice=0.08, base_ms=10.0),
    Network(lose=0.25, late=0.3, late_ms=6_000, twice=0.15, base_ms=40.0),
)


LEFT = ("power cut with an order on the way", "volume lost with an order on the way")
GOING_BACK = ("redis loses its tail", "redis restored")


@dataclass(frozen=True)
class Chances:
    """Per request at the venue."""

    broken: float
    """5xx, executed or not: the answer says nothing."""
    throttled: float
    slow_engine: float
    """The answer is a time-out, and the order may be executed up to 10 s later."""


class Plan:
    """The dice of one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = Random(f"mm-rebuild simulation {seed}")
        self.symbols = ("ETHUSDC",) if rng.random() < 0.7 else ("ETHUSDC", "BTCUSDC")
        self.length = rng.choice((12, 20, 30, 45)) * SECOND
        self.venue_net = rng.choice(NETWORKS)
        self.user_net = rng.choice(NETWORKS)
        self.market_net = rng.choice(NETWORKS[:4])
        self.store_net = rng.choice(NETWORKS[:4])
        harsh = rng.random()
        self.chances = Chances(
            broken=rng.choice((0.0, 0.02, 0.15)),
            throttled=rng.choice((0.0, 0.02, 0.1)),
            slow_engine=rng.choice((0.0, 0.0, 0.02, 0.1)),
        )
        self.fee_e8 = rng.choice((0, 0, 10_000, 75_000))
        self.max_inventory = rng.choice(("0.01", "0.03", "0.2"))
        self.base_size = "0.01" if self.max_inventory == "0.01" else rng.choice(("0.01", "0.02"))
        self.capital = rng.choice(("60", "500", "10000"))
        self.daily_loss = rng.choice(("0.05", "1", "100", "100"))
        self.order_timeout_ms = rng.choice((500, 1_000, 2_000))
        self.step_ms = rng.choice((80, 150, 300))
        """Of the market."""
        self.hit = rng.choice((0.1, 0.3, 0.6))
        """Chance that a step of the market takes from the trader's quotes."""
        self.drift = rng.choice((0, 3, 12))
        """Ticks of the mid per step, at most."""
        self.faults = [] if harsh < 0.1 else self._faults(rng)
        self.crash_at_write = self._crashes(rng)
        self._moves(Random(f"mm-rebuild simulation {seed}: moves"))
        self._losses(Random(f"mm-rebuild simulation {seed}: losses"))
        self._going_back(Random(f"mm-rebuild simulation {seed}: going back"))
        self._left_on_the_way(Random(f"mm-rebuild simulation {seed}: left on the way"))

    def _moves(self, rng: Random) -> None:
        """Whether and how often quotes move in one request; dice of their own, so that the others fall as they did before there were any."""
        self.in_place = rng.random() < 0.75
        """The venue takes amends and cancel-replaces."""
        self.tolerance = rng.choice(("0.2", "0.02", "0"))
        """Of a quote's price, as a part of the half spread."""
        self.lively = rng.random() < 0.5
        """Prices and sizes change all the time, nothing is out of step, and the limits leave room for what moves."""
        if self.lively:
            self.market_net = CALM
            self.capital, self.max_inventory, self.daily_loss = "10000", "0.2", "100"
            self.drift = 12
            resized = [(rng.randrange(self.length), "config resizes") for _ in range(rng.randint(8, 24))]
            self.faults = sorted([*self.faults, *resized])

    def _losses(self, rng: Random) -> None:
        """What forgets: a disk that is full, a power cut, a Redis that comes back older. Dice of their own."""
        if rng.random() < 0.5:
            kinds = rng.sample(("disk full", "disk unsyncable", "power cut", "redis rolled back"), k=2)
            losses = [(rng.randrange(self.length), rng.choice(kinds)) for _ in range(rng.randint(1, 3))]
            self.faults = sorted([*self.faults, *losses])

    def _going_back(self, rng: Random) -> None:
        """A Redis that forgets what it acknowledged while a trader lives. Dice of their own."""
        if rng.random() >= 0.4:
            return
        kinds = rng.choice((GOING_BACK, GOING_BACK[:1], GOING_BACK[1:]))
        back = [(rng.randrange(self.length), rng.choice(kinds)) for _ in range(rng.randint(1, 4))]
        if (
            rng.random() < 0.6
        ):  # much to forget: many fills, many halts of one name, and little else goes wrong
            self.hit, self.step_ms, self.drift = 0.9, 80, 3
            self.market_net = self.user_net = self.venue_net = CALM
            self.chances = Chances(broken=0.0, throttled=0.0, slow_engine=0.0)
            self.capital, self.daily_loss, self.max_inventory = "10000", "100", "0.2"
            back *= 2
            back = [(rng.randrange(self.length), fault) for _, fault in back]
            if rng.random() < 0.5:  # that which is forgotten includes a halt
                halts = [max(0, at - rng.randrange(3 * SECOND)) for at, _ in back]
                back += [(at, "operator halts") for at in halts]
        self.faults = sorted([*self.faults, *back])

    def _left_on_the_way(self, rng: Random) -> None:
        """An order that the engine takes up late, and meanwhile nobody is left who knows of it. Dice of their own, also while it runs."""
        self.on_the_way = rng
        if rng.random() < 0.25:
            left = [(rng.randrange(self.length), rng.choice(LEFT)) for _ in range(rng.randint(1, 2))]
            self.faults = sorted([*self.faults, *left])

    def _faults(self, rng: Random) -> list[tuple[int, str]]:
        kinds = (
            "cut orders",
            "cut user",
            "cut market",
            "cut all",
            "venue halts",
            "redis away",
            "redis restarts",
            "redis restarts",
            "redis emptied",
            "wall clock jumps",
            "stall",
            "kill",
            "restart",
            "operator halts",
            "operator tightens",
            "operator reconciles",
        )
        chosen = rng.sample(kinds, k=rng.randint(1, 6))
        count = rng.randint(1, 8)
        return sorted((rng.randrange(self.length), rng.choice(chosen)) for _ in range(count))

    def _crashes(self, rng: Random) -> list[tuple[int, str]]:
        """(so many journal writes after the start of the process, how)."""
        if rng.random() < 0.35:
            return []
        return [
            (
                rng.choice((1, 2, 3, 5, 8, 13, 21, 34, 55, 90)) + rng.randrange(4),
                rng.choice(("before", "torn", "after")),
            )
            for _ in range(rng.randint(1, 4))
        ]

    # --- dice ---------------------------------------------------------------------------------------------

    def leg(self, net: Network) -> list[int]:
        """Delays (ns) after which a message arrives: none, one or two of them."""
        rng = self.rng
        if net.lose and rng.random() < net.lose:
            return []
        delays = [self._delay(net)]
        if net.twice and rng.random() < net.twice:
            delays.append(self._delay(net))
        return delays

    def _delay(self, net: Network) -> int:
        rng = self.rng
        delay = round(net.base_ms * MS * (0.5 + rng.random()))
        if net.late and rng.random() < net.late:
            delay += rng.randrange(net.late_ms * MS)
        return delay

    def chance(self, probability: float) -> bool:
        """True that often."""
        return probability > 0 and self.rng.random() < probability
