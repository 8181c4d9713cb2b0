"""What a trader was told is written down, and the kernel gives the same commands for it, byte for byte: after a clean stop, a kill, a restart, a rotation."""

from __future__ import annotations

import asyncio
import gzip
import os
import pickle
from pathlib import Path

import pytest
from shellkit.desk import Desk, desk
from shellkit.processes import Trader, Venue, post_json, trader_config
from shellkit.waiting import until

from mm_trader.cli import main
from mm_trader.shell.recording.format import SUFFIX, read_state
from mm_trader.shell.recording.replay import Replay, segments


def replayed(directory: Path) -> Replay:
    replay = Replay()
    for path in segments([str(directory)]):
        replay.segment(path)
    return replay


async def some_trading(d: Desk) -> None:
    order = await d.quoted()
    d.take(order, order.remaining)
    await until(lambda: d.position() != 0, "a fill is booked")
    await post_json(f"http://127.0.0.1:{d.app.admin.port}/admin/reconcile", {})
    await post_json(f"http://127.0.0.1:{d.app.admin.port}/admin/pause", {"level": "ReduceOnly"})
    await until(lambda: d.app.halts.pending == 0, "the pause is durable")
    await d.quoted(order.side.__class__.SELL)


async def test_a_process_that_was_killed_and_started_again_is_replayed_to_the_same_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording"
    venue = Venue(tmp_path, "seeded:7:toxic")
    await venue.start()
    trader = Trader(
        tmp_path, trader_config(tmp_path, venue.url, None, recording={"directory": str(recording)})
    )
    try:
        await trader.start()
        await trader.quoting()

        async def fills() -> int:
            return sum(entry["kind"] == "fill" for entry in await venue.journal())

        async def another(than: int) -> bool:
            return await fills() > than

        await until(lambda: another(0), "a fill", 60)
        await trader.kill()
        await trader.start()
        await trader.quoting()
        before = await fills()
        await until(lambda: another(before), "a fill after the kill", 60)
        assert await trader.terminate(30) == 0
    finally:
        await trader.kill()
        await venue.kill()
    out = tmp_path / "commands"
    status = await asyncio.to_thread(main, ["replay", str(recording), "--commands", str(out)])
    text = capsys.readouterr().out
    assert status == 0, text
    assert "2 segments, " in text
    assert "their process was killed" in text
    assert b'"Place"' in out.read_bytes()
    assert b'"FillBooked"' in out.read_bytes()


async def test_a_segment_that_was_never_written_out_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "recording"
    async with desk(tmp_path, recording={"directory": str(recording)}) as d:
        await some_trading(d)
    (path,) = segments([str(recording)])
    (recording / path.name.replace("-", "-9", 1)).write_bytes(gzip.compress(b"H {}\n")[:10])
    assert await asyncio.to_thread(main, ["replay", str(recording)]) == 0
    assert "1 segments hold nothing" in capsys.readouterr().out


async def test_every_rotation_leaves_segments_that_can_be_replayed_together_and_alone(tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    async with desk(tmp_path, recording={"directory": str(recording), "keepSegments": 2}) as d:
        await d.quoted()
        assert d.app.recorder is not None
        writer = d.app.recorder._writer
        for _ in range(3):
            before = writer.next_number
            writer._limit = 1
            await until(lambda before=before: writer.next_number > before, "a new segment")
            writer._limit = 2**30
            order = await d.quoted()
            d.take(order, order.remaining)
            await until(lambda order=order: order.remaining == 0, "filled")
    kept = segments([str(recording)])
    assert len(kept) == 2
    together = replayed(recording).totals
    assert (together.differences, together.kernels) == (0, 1)
    for path in kept:
        alone = Replay()
        alone.segment(path)
        assert alone.totals.differences == 0
        assert alone.totals.commands > 0


async def test_a_trader_whose_recording_cannot_be_written_trades_on_and_says_so(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.write_text("a file, where a directory should be")
    async with desk(tmp_path, recording={"directory": str(full / "below")}) as d:
        await d.quoted()
        assert d.app.recorder is not None
        assert d.app.recorder.failed
        assert d.app.operations.hour.alerts["RecordingEnded"] == 1


async def test_another_kernel_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = tmp_path / "recording"
    async with desk(tmp_path, recording={"directory": str(recording)}) as d:
        await some_trading(d)
    (path,) = segments([str(recording)])
    text = gzip.decompress(path.read_bytes())
    assert replayed(recording).totals.differences == 0
    path.write_bytes(gzip.compress(text.replace(b'"side":1,"price":', b'"side":1,"price":1', 1)))
    assert await asyncio.to_thread(main, ["replay", str(path)]) == 1
    assert "other commands than recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"plain text", "not a recording"),
        (gzip.compress(b""), "empty"),
        (gzip.compress(b"E Tick {}\n"), "does not begin like a recording"),
        (gzip.compress(b'H {"form":1}\n'), "cannot be read"),
        (b"", "killed before it first wrote"),
    ],
    ids=["plain", "empty", "headless", "header", "unwritten"],
)
def test_a_file_that_is_no_recording_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    path = tmp_path / f"x{SUFFIX}"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_a_state_from_a_stranger_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return (os.mkdir, (str(tmp_path / "pwned"),))

    import base64

    with pytest.raises(pickle.UnpicklingError, match="does not belong"):
        read_state(base64.b64encode(pickle.dumps(Evil())))
    assert not (tmp_path / "pwned").exists()
