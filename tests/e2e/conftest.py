"""Fixtures of the end-to-end tests: one cluster and one installation for the run, one World a scenario, and the words Given, When, Then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.kit.cluster import Cluster
from e2e.kit.deadline import PATIENCE
from e2e.kit.installation import Installation, locked
from e2e.kit.steps import Given, Then, When
from e2e.kit.world import LABEL, World, remove

_TIMEOUT_SECONDS = 240 * PATIENCE


def pytest_configure(config: pytest.Config) -> None:
    """Markers of these tests alone."""
    config.addinivalue_line(
        "markers", "alone: takes away what scenarios share, so it has an installation of its own"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the cluster, and more time than a unit test; what takes longest begins first."""
    here = Path(__file__).parent
    # scenarios of several stages, then those with an installation of their own: begun last, one of them would be waited for
    items.sort(
        key=lambda item: (item.path.stem != "test_promotion", item.get_closest_marker("alone") is None)
    )
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed scenario's report holds its objects, events and logs."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's wrapper protocol is untyped
    world = getattr(item, "funcargs", {}).get("world")
    # after the call the scenario's objects are still there; after the teardown they are not
    if report.failed and call.when != "teardown" and isinstance(world, World):
        try:
            report.sections.append(("the cluster at this moment", world.describe()))
        except Exception as error:  # a report must not be lost to the search for more
            report.sections.append(("the cluster at this moment", f"could not be described: {error!r}"))
    if isinstance(world, World) and world.figures and call.when == "call":
        report.sections.append(("measured", "\n".join(world.figures)))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, and the images in it."""
    found = Cluster()
    yield found
    found.close()


@pytest.fixture(scope="session")
def installation(cluster: Cluster) -> Installation:
    """The chart, installed and Ready."""
    made = Installation(cluster)
    made.ensure()
    return made


@pytest.fixture(scope="session")
def nothing_left(cluster: Cluster, installation: Installation) -> None:
    """Leftovers of runs before are removed by the process that comes first."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with locked("leftovers") as note:
        if note.read() != run:
            remove(cluster, installation.namespace, LABEL)
            for each in Installation.left_over(cluster):
                each.ensure()  # its operator has to let its MarketMakers go
                remove(cluster, each.namespace, LABEL)
                each.remove()
            note.seek(0)
            note.truncate()
            note.write(run)


@pytest.fixture
def world(
    request: pytest.FixtureRequest, cluster: Cluster, installation: Installation, nothing_left: None
) -> Iterator[World]:
    """One scenario's part of the cluster, in the installation of the run or, marked `alone`, in one of its own."""
    title = request.node.name.removeprefix("test_")
    if request.node.get_closest_marker("alone") is None:
        yield from _world(cluster, installation, title)
        return
    own = Installation.of_its_own(cluster, title)
    try:
        yield from _world(cluster, own, title)
    finally:
        own.remove()


def _world(cluster: Cluster, installation: Installation, title: str) -> Iterator[World]:
    made = World(cluster, installation, title)
    try:
        yield made
    finally:
        installation.mend()
        try:
            errors = made.unexpected_errors()
        finally:
            made.clean_up()
    assert not errors, "the operator's log has errors:\n" + "\n".join(errors[:20])


@pytest.fixture
def given(world: World) -> Given:
    """What is there at the start."""
    return Given(world)


@pytest.fixture
def when(world: World) -> When:
    """What happens."""
    return When(world)


@pytest.fixture
def then(world: World) -> Then:
    """What must follow."""
    return Then(world)
