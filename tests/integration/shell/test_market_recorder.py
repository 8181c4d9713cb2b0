"""`mm-trader record` against a simulator on a real socket; what it writes is played again by a second simulator."""

from __future__ import annotations

import gzip
import signal
import sys
from pathlib import Path

import pytest
from shellkit.processes import Program, Venue, read_json
from shellkit.waiting import until

from mm_trader.cli import main
from mm_trader.venue.simulator import ManualClock, Simulator, SimulatorConfig
from mm_trader.venue.simulator.market.recording import Depth, Recording, Snapshot, Top, probe


def recorder(directory: Path, venue: Venue, *more: str) -> Program:
    words = [
        *(sys.executable, "-m", "mm_trader.cli", "record", "--symbols", "ETHUSDC,BTCUSDC"),
        *("--out", str(directory / "out"), "--rest-url", venue.url),
        *("--stream-url", venue.url.replace("http", "ws", 1), *more),
    ]
    return Program(words, directory / "record.log")


def whole_lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


async def test_what_is_recorded_is_played_again(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    await venue.start()
    program = recorder(tmp_path, venue)
    again = None
    try:
        await program.launch()
        files = tmp_path / "out"

        def recorded() -> bool:
            return len(list(files.glob("*.gz"))) == 2 and all(
                p.stat().st_size > 2_000 for p in files.iterdir()
            )

        await until(recorded, "both symbols are recorded", 60)
        assert await program.terminate() == 0
        (btc, eth) = sorted(files.iterdir())
        for path, symbol in ((btc, "BTCUSDC"), (eth, "ETHUSDC")):
            assert probe(str(path))[0] == symbol
            frames = list(Recording(symbol, [str(path)]).frames())
            assert {Snapshot, Depth, Top} <= {type(frame) for frame in frames}
            stamps = [int(line.split(b" ", 1)[0]) for line in whole_lines(path)]
            assert stamps == sorted(stamps)
            snapshot = next(frame for frame in frames if isinstance(frame, Snapshot))
            after = [f for f in frames if isinstance(f, Depth) and f.u > snapshot.u]
            assert after[0].first_u <= snapshot.u + 1  # nothing is missing between snapshot and differences
        again = Venue(tmp_path / "out", f"replay:{eth}", "ETHUSDC")
        await again.start()
        depth = await read_json(f"{again.url}/api/v3/depth?symbol=ETHUSDC")
        assert depth["bids"]
    finally:
        await program.kill()
        await venue.kill()
        if again is not None:
            await again.kill()


async def test_each_file_after_a_rotation_has_a_snapshot_and_a_lost_connection_is_made_again(
    tmp_path: Path,
) -> None:
    venue = Venue(tmp_path)
    await venue.start()
    program = recorder(tmp_path, venue, "--rotate", "4s")
    try:
        await program.launch()
        files = tmp_path / "out"
        await until(lambda: len(list(files.glob("ethusdc*.gz"))) >= 1, "the first file", 30)
        await venue.act("cut", what="market")
        await until(lambda: len(list(files.glob("ethusdc*.gz"))) >= 3, "the third file", 30)
        assert program.process is not None
        program.process.send_signal(signal.SIGINT)
        await until(lambda: program.process.returncode is not None, "it ends", 20)
        assert program.process.returncode == 0
        middle = sorted(files.glob("ethusdc*.gz"))[1]
        assert any(b'"lastUpdateId"' in line for line in whole_lines(middle))
        assert "stream_lost" in program.text()
    finally:
        await program.kill()
        await venue.kill()


async def test_a_symbol_that_the_venue_does_not_list_is_named_and_nothing_is_begun(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(), ManualClock()) as sim:
        words = ["--symbols", "ETHUSDC,NOPEUSDC", "--out", str(tmp_path / "out"), "--rest-url", sim.url]
        program = Program(
            [sys.executable, "-m", "mm_trader.cli", "record", *words, "--stream-url", sim.ws_url],
            tmp_path / "record.log",
        )
        await program.launch()
        assert program.process is not None
        assert await program.process.wait() == 2
    assert program.text() == "mm-trader record: --symbols: NOPEUSDC: the venue does not list it\n"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--symbols", "eth-usdc"], "--symbols"),
        (["--symbols", "ETHUSDC", "--rotate", "soon"], "--rotate"),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["record", "--out", str(tmp_path), *words]) == 2
    assert says in capsys.readouterr().err
