"""What clients ask of the wallet (`/sapi/`) when they start: system status, coins, fees, key rights; and histories that are empty here.

Only what the simulator can answer truly: nothing was ever deposited, withdrawn, transferred or converted, and there are no order lists.
"""

from __future__ import annotations

from typing import Any

from ..engine.checks import from_e8
from .desk import Call, Desk, Handler, Request, Security
from .params import SYMBOL

_SIGNED = Security.SIGNED
_FIAT = {"code": "000000", "message": "success", "data": [], "total": 0, "success": True}


def system_status(_desk: Desk, request: Request) -> Any:
    """Up."""
    request.params.finish()
    return {"status": 0, "msg": "normal"}


def coins(_desk: Desk, request: Request) -> Any:
    """The account's assets; none can be deposited or withdrawn."""
    request.params.finish()
    return [
        {
            "coin": asset,
            "name": asset,
            "free": from_e8(balance.free),
            "locked": from_e8(balance.locked),
            "freeze": "0",
            "ipoable": "0",
            "ipoing": "0",
            "storage": "0",
            "withdrawing": "0",
            "isLegalMoney": False,
            "trading": True,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "networkList": [],
        }
        for asset, balance in sorted(request.account.balances.items())
    ]


def user_assets(_desk: Desk, request: Request) -> Any:
    """Balances that are not zero."""
    asset = request.params.matched("asset", SYMBOL)
    request.params.text("needBtcValuation")
    request.params.finish()
    return [
        {
            "asset": name,
            "free": from_e8(b.free),
            "locked": from_e8(b.locked),
            "freeze": "0",
            "withdrawing": "0",
            "ipoable": "0",
            "btcValuation": "0",
        }
        for name, b in sorted(request.account.balances.items())
        if (b.free or b.locked) and asset in (None, name)
    ]


def trade_fees(desk: Desk, request: Request) -> Any:
    """Maker and taker commission by symbol."""
    wanted = request.params.matched("symbol", SYMBOL)
    request.params.finish()
    names = list(desk.exchange.markets) if wanted is None else [desk.spec(wanted).name]
    rates = {name: request.account.rates_for(name) for name in names}
    return [
        {
            "symbol": name,
            "makerCommission": from_e8(rate.maker_e8),
            "takerCommission": from_e8(rate.taker_e8),
        }
        for name, rate in rates.items()
    ]


def key_rights(_desk: Desk, request: Request) -> Any:
    """What the key may do."""
    request.params.finish()
    assert request.identity is not None, "a signed call has an identity"
    return {
        "ipRestrict": False,
        "createTime": 0,
        "enableReading": True,
        "enableSpotAndMarginTrading": request.identity.key.may_trade,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
    }


def account_status(_desk: Desk, request: Request) -> Any:
    """No account is under review here."""
    request.params.finish()
    return {"data": "Normal"}


def trading_status(_desk: Desk, request: Request) -> Any:
    """No account is locked here."""
    request.params.finish()
    return {
        "data": {
            "isLocked": False,
            "plannedRecoverTime": 0,
            "triggerCondition": {"GCR": 150, "IFER": 150, "UFR": 300},
            "updateTime": 0,
        }
    }


def burning(_desk: Desk, request: Request) -> Any:
    """Commissions are paid in what was received, never in BNB."""
    request.params.finish()
    return {"spotBNBBurn": False, "interestBNBBurn": False}


HISTORY_PARAMS = (
    "accountType", "asset", "coin", "email", "endTime", "fromAllocationId", "fromId", "fromSymbol", "includeSource", "limit",
    "masterAccount", "needBtcValuation", "offset", "orderId", "page", "quoteAsset", "rows", "size", "startTime", "status",
    "symbol", "toSymbol", "transactionType", "txId", "type", "withdrawOrderId",
)  # fmt: skip
"""What the histories of the wallet can be narrowed down by; nothing is found whatever was sent."""


def nothing(answer: Any) -> Handler:
    """A history or list of things that do not exist here: always `answer`."""

    def handler(_desk: Desk, request: Request) -> Any:
        params = request.params
        for name in HISTORY_PARAMS:
            params.text(name)
        params.finish()
        return answer

    return handler


CALLS = (
    Call(("GET", "/sapi/v1/system/status"), None, system_status),
    Call(("GET", "/sapi/v1/capital/config/getall"), None, coins, 10, _SIGNED),
    Call(("POST", "/sapi/v3/asset/getUserAsset"), None, user_assets, 5, _SIGNED),
    Call(("GET", "/sapi/v1/asset/tradeFee"), None, trade_fees, 1, _SIGNED),
    Call(("GET", "/sapi/v1/account/apiRestrictions"), None, key_rights, 1, _SIGNED),
    Call(("GET", "/sapi/v1/account/status"), None, account_status, 1, _SIGNED),
    Call(("GET", "/sapi/v1/account/apiTradingStatus"), None, trading_status, 1, _SIGNED),
    Call(("GET", "/sapi/v1/bnbBurn"), None, burning, 1, _SIGNED),
    Call(("GET", "/sapi/v1/capital/deposit/hisrec"), None, nothing([]), 1, _SIGNED),
    Call(("GET", "/sapi/v1/capital/withdraw/history"), None, nothing([]), 1, _SIGNED),
    Call(("GET", "/sapi/v1/asset/transfer"), None, nothing({"total": 0, "rows": []}), 1, _SIGNED),
    Call(("GET", "/sapi/v1/asset/assetDividend"), None, nothing({"total": 0, "rows": []}), 10, _SIGNED),
    Call(
        ("GET", "/sapi/v1/asset/dribblet"), None, nothing({"total": 0, "userAssetDribblets": []}), 1, _SIGNED
    ),
    Call(("GET", "/sapi/v1/asset/assetDetail"), None, nothing({}), 1, _SIGNED),
    Call(("POST", "/sapi/v1/asset/get-funding-asset"), None, nothing([]), 1, _SIGNED),
    Call(
        ("GET", "/sapi/v1/accountSnapshot"),
        None,
        nothing({"code": 200, "msg": "", "snapshotVos": []}),
        1,
        _SIGNED,
    ),
    Call(
        ("GET", "/sapi/v1/asset/convert-transfer/queryByPage"),
        None,
        nothing({"total": 0, "rows": []}),
        5,
        _SIGNED,
    ),
    Call(("GET", "/sapi/v1/convert/exchangeInfo"), None, nothing([]), 20),
    Call(("GET", "/sapi/v1/convert/assetInfo"), None, nothing([]), 100, _SIGNED),
    Call(("GET", "/sapi/v1/fiat/orders"), None, nothing(_FIAT), 1, _SIGNED),
    Call(("GET", "/sapi/v1/fiat/payments"), None, nothing(_FIAT), 1, _SIGNED),
    Call(("GET", "/sapi/v1/margin/allPairs"), None, nothing([]), 1, Security.KEY),
    Call(("GET", "/sapi/v1/margin/isolated/allPairs"), None, nothing([]), 10, Security.KEY),
    Call(("GET", "/sapi/v1/margin/allAssets"), None, nothing([]), 1, Security.KEY),
)
"""Of the wallet, whatever product is served: the paths are whole."""
EMPTY_LISTS = (Call(("GET", "myAllocations"), "myAllocations", nothing([]), 20, _SIGNED),)
"""Of spot trading."""
