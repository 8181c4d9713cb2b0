"""The chart: an upgrade restarts no trader, and `helm test` passes."""

from __future__ import annotations

import pytest

from e2e.kit.installation import RELEASE
from e2e.kit.steps import Given, Then, When
from e2e.kit.world import World


@pytest.mark.alone
def test_a_helm_upgrade_restarts_the_operator_and_no_trader(
    given: Given, when: When, then: Then, world: World
) -> None:
    given.a_venue("paper")
    eth = given.a_live_market_maker()
    trader, operator = eth.pod(), world.installation.operator_pod()
    mark = then.it(eth).journal_mark()
    when.the_chart_is_upgraded("--set-string", f"operator.podAnnotations.upgraded-by={world.tag}")
    assert world.installation.operator_pod()["metadata"]["uid"] != operator["metadata"]["uid"]
    then.it(eth).keeps_trading()
    then.it(eth).stays("Live", during=3)
    now = eth.pod()
    assert now["metadata"]["uid"] == trader["metadata"]["uid"], "the trader's pod was replaced"
    restarts = {item["name"]: item["restartCount"] for item in now["status"]["containerStatuses"]}
    assert restarts == {"trader": 0, "dead-man": 0}
    then.it(eth).wrote_with_one_token(after=mark)


def test_helm_test_passes(world: World) -> None:
    said = world.cluster.helm("test", RELEASE, "-n", world.namespace, "--timeout", "60s")
    assert "Phase:          Succeeded" in said, said
