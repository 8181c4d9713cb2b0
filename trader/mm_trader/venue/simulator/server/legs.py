"""Parameters of one order of a list: those of an order alone, under the names of its place (`aboveStopPrice`, `pendingType`, …)."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.errors import RefusalError
from ..engine.types import AT_MARKET, STOP_TYPES, NewOrder, OrderType, Side, StpMode, SymbolSpec, TimeInForce
from .calls_orders import AT_A_PRICE, not_required, strategy
from .desk import Desk
from .params import Params, missing


@dataclass(frozen=True, slots=True)
class Names:
    """What each parameter of the order is called."""

    client_id: str
    price: str
    stop: str
    trailing: str
    iceberg: str
    tif: str
    strategy_id: str
    strategy_type: str
    pegs: tuple[str, ...] = ()


def names_of(place: str) -> Names:
    """The names of an order at `place`: `above`, `working`, `pendingBelow`, …"""
    return Names(
        f"{place}ClientOrderId",
        f"{place}Price",
        f"{place}StopPrice",
        f"{place}TrailingDelta",
        f"{place}IcebergQty",
        f"{place}TimeInForce",
        f"{place}StrategyId",
        f"{place}StrategyType",
        tuple(f"{place}Peg{what}" for what in ("PriceType", "OffsetType", "OffsetValue")),
    )


def read_quantity(params: Params, name: str) -> int:
    """The order's quantity, 10^-8, under `name`."""
    quantity = params.decimal(name)
    if quantity is None:
        raise missing(name)
    return quantity


def read_leg(
    desk: Desk,
    params: Params,
    spec: SymbolSpec,
    names: Names,
    kind: OrderType,
    side: Side,
    quantity: int,
    stp: StpMode | None,
) -> NewOrder:
    """The order at one place."""
    tif = params.choice(names.tif, TimeInForce, (-1115, "Invalid timeInForce."))
    price, stop = params.decimal(names.price), params.decimal(names.stop)
    trailing, iceberg = params.integer(names.trailing), params.decimal(names.iceberg)
    client_id = params.client_id(names.client_id)
    strategy_id, strategy_type = strategy(params, names.strategy_id, names.strategy_type)
    pegs = [params.text(name) for name in names.pegs]
    _check_combination(names, kind, tif, price, stop, trailing)
    lacks = (
        "Trailing stop" if trailing is not None else "Pegged" if any(pegs) else "Iceberg" if iceberg else ""
    )
    return NewOrder(
        spec.name,
        side,
        kind,
        client_id or desk.generated_id(),
        tif or TimeInForce.GTC,
        quantity,
        price,
        None,
        stp,
        f"{lacks} orders are not supported for this symbol." if lacks else "",
        strategy_id,
        strategy_type,
        stop_e8=stop,
    )


def _check_combination(
    names: Names,
    kind: OrderType,
    tif: TimeInForce | None,
    price: int | None,
    stop: int | None,
    trailing: int | None,
) -> None:
    """What the type needs is there, and nothing that it has no use for."""
    if kind in STOP_TYPES and stop is None and trailing is None:
        raise RefusalError(
            -1102, f"Param '{names.stop}' or '{names.trailing}' must be sent, but both were empty/null!"
        )
    for name, value, wanted in (
        (names.price, price, kind not in AT_MARKET),
        (names.tif, tif, kind in AT_A_PRICE),
    ):
        if value is None and wanted:
            raise missing(name)
        if value is not None and not wanted:
            raise not_required(name)
    if kind not in STOP_TYPES:
        for name, value in ((names.stop, stop), (names.trailing, trailing)):
            if value is not None:
                raise not_required(name)
