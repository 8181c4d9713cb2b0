"""`mm-trader`: the command line of the trader and of what belongs to it. Each command is imported when it is used: a running trader stays small."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import cast

import mm_trader

DESCRIPTION = "A market maker with a risk engine that fails closed. See docs/trader.md."
EPILOG = """\
examples:
  mm-trader demo                             one trader against a simulated venue, with a live view
  mm-trader simulate --port 9443 --account demo:KEY:SECRET:ETH=10,USDC=50000
  mm-trader --config configs/traders/simulator.yaml
  mm-trader config-check configs/traders/simulator.yaml
  mm-trader strategies GLFT                  what a strategy can be given

exit status: 0 stopped as asked and nothing open at the venue, 1 it could not work, 2 the config must be changed
"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from mm_trader import cli_options
    from mm_trader.venue.simulator import cli as simulator

    parser = argparse.ArgumentParser(
        prog="mm-trader",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mm-trader {mm_trader.__version__}")
    _run_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="run a trader (the same as mm-trader --config FILE)")
    _run_options(run)
    demo = commands.add_parser(
        "demo", help="one trader against a simulated venue in this process, with a live view"
    )
    demo.add_argument(
        "--seconds",
        type=cli_options.seconds,
        metavar="N",
        help="stop after N seconds (default: until Ctrl-C)",
    )
    demo.add_argument(
        "--market", choices=("calm", "toxic"), default="calm", help="toxic: more informed flow (default calm)"
    )
    demo.add_argument("--seed", type=int, default=7, metavar="N", help="seed of the market (default 7)")
    demo.add_argument(
        "--symbols", default="ETHUSDC,BTCUSDC", metavar="LIST", help="symbols (default ETHUSDC,BTCUSDC)"
    )
    demo.add_argument("--plain", action="store_true", help="lines of text even on a terminal")
    simulator.add_parser(commands)
    cli_options.add_record(commands)
    cli_options.add_check(commands)
    replay = commands.add_parser(
        "replay",
        help="run a recording of a trader's events through the kernel and compare its commands",
        description="Runs recorded events (config: recording.directory) through this kernel. The same program gives the same commands, byte for byte.",
        epilog="exit status: 0 the same commands, 1 others (the first difference is shown), 2 the files cannot be replayed",
    )
    replay.add_argument("files", nargs="+", metavar="FILE", help="segments, or directories of segments")
    replay.add_argument(
        "--commands", metavar="OUT", help="also write the kernel's commands to this file, one line an event"
    )
    summary = commands.add_parser(
        "summary",
        help="print a running trader's hourly check and daily summary",
        description="Hourly check (order accuracy, drift, violations, health) and daily summary (trades, return, problems) of a running trader.",
        epilog="exit status: 0 nothing to look at, 1 there are problems, 2 no trader answers there",
    )
    summary.add_argument(
        "--url",
        default="http://127.0.0.1:9100",
        metavar="URL",
        help="the trader's admin port (default http://127.0.0.1:9100)",
    )
    summary.add_argument(
        "--token-file", metavar="FILE", help="file with the admin token (default: variable MM_ADMIN_TOKEN)"
    )
    dead_man = commands.add_parser(
        "dead-man",
        help="watch the trader of a config file, and cancel its orders when it gives no sign of life",
    )
    dead_man.add_argument("--config", metavar="FILE", required=True, help="the trader's own config")
    check = commands.add_parser("config-check", help="check a trader's config file and say what is wrong")
    check.add_argument("file", metavar="FILE")
    strategies = commands.add_parser(
        "strategies", help="the strategies, plug-ins included, and their parameters"
    )
    strategies.add_argument("name", metavar="NAME", nargs="?", help="this one only")
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the trader's config (docs/trader.md)")
    parser.add_argument(
        "--holder",
        metavar="ID",
        help="who holds the lease (default: MM_HOLDER, else an id kept beside the journal)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and arguments[:1] in (["--config"], ["run"]):
        _travel_light()
    if len(arguments) >= 2 and arguments[0] == "--config" and len(arguments) in (2, 4):
        quick = _plain_run(arguments)
        if quick is not None:
            return quick
    if arguments[:2] == ["dead-man", "--config"] and len(arguments) == 3:
        from mm_trader.deadman.launch import launch

        return launch(arguments[2])
    parser = build_parser()
    args = parser.parse_args(arguments)
    match args.command:
        case "simulate":
            from mm_trader.venue.simulator import cli as simulator

            return simulator.run(args)
        case "demo":
            from mm_trader.shell.demo.run import run_demo

            return run_demo(
                seconds=args.seconds,
                preset=args.market,
                seed=args.seed,
                symbols=args.symbols.split(","),
                plain=args.plain,
            )
        case "check":
            from mm_trader.shell.check import cli as full_chain

            return full_chain.run(args)
        case "record":
            from mm_trader.shell.market_recorder import run as record

            return record(args)
        case "replay":
            from mm_trader.shell.recording.replay import run as replay

            return replay(args.files, args.commands)
        case "summary":
            from mm_trader.shell.summary_cli import run as summary

            return summary(args.url, args.token_file)
        case "dead-man":
            from mm_trader.deadman.launch import launch

            return launch(args.config)
        case "config-check":
            return check_config(args.file)
        case "strategies":
            from mm_trader import cli_strategies

            return cli_strategies.run(args.name)
        case _:
            if not args.config:
                parser.print_usage(sys.stderr)
                print("mm-trader: --config FILE is missing (or try: mm-trader demo)", file=sys.stderr)
                return 2
            return run(args.config, args.holder)


def _travel_light() -> None:
    """Make the start of a trader's own process short: after a crash it counts against the time without quotes."""
    # structlog would load rich for drawing tracebacks, which a pod's log cannot show: 0.3 s of each start, and memory
    cast("dict[str, ModuleType | None]", sys.modules).setdefault("rich", None)
    gc.disable()  # nothing of what is imported now is garbage; `run` switches it on again before trading


def _plain_run(arguments: list[str]) -> int | None:
    """`--config FILE [--holder ID]` without building the whole parser, which would import the simulator into every trader."""
    if len(arguments) == 2:
        return run(arguments[1], None)
    if arguments[2] == "--holder":
        return run(arguments[1], arguments[3])
    return None


def run(path: str, holder: str | None) -> int:
    """Run a trader with this config file."""
    from mm_trader.shell.config import load_config
    from mm_trader.shell.errors import ConfigError

    try:
        config = load_config(path)
    except ConfigError as error:
        print(f"mm-trader: {error}", file=sys.stderr)
        return 2
    from mm_trader.shell.process import run_trader

    gc.enable()
    return run_trader(config, holder, path)


def check_config(path: str) -> int:
    """Say whether the file can be used, and what it would do."""
    from mm_trader.shell.config import load_config
    from mm_trader.shell.errors import ConfigError

    try:
        config = load_config(path)
    except ConfigError as error:
        print(f"mm-trader: {error}", file=sys.stderr)
        return 2
    store = config.redis.url if config.redis is not None else "memory"
    print(
        f"{path}: ok: {config.strategy.name} on {', '.join(config.symbols)} at {config.venue.kind.value} "
        f"({config.venue.environment.value}), capital {config.risk.capital}, daily loss limit "
        f"{config.risk.daily_loss_limit}, state in {store}, journal in {config.journal_dir}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
