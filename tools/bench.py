"""`make bench`: what jkbridge costs in time and memory, as a table. Nothing passes or fails.

make bench                        all of it, about four minutes
make bench ARGS=--quick           every row from a few samples, to see that it works: the figures mean nothing
make bench ARGS=--write           and writes docs/benchmarks.md
make bench ARGS="--only 5,6"      some groups of rows
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import bench_can  # noqa: E402
import bench_device  # noqa: E402
import bench_interpreters  # noqa: E402
import bench_listen  # noqa: E402
import bench_process  # noqa: E402
import bench_rate  # noqa: E402
import bench_table  # noqa: E402
import bench_turns  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main(words: list[str]) -> int:
    """0, or 2 when the arguments cannot be understood."""
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few samples, all at once: only to see that it works")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md too")
    parser.add_argument("--only", metavar="GROUPS", help="numbers of the groups of rows wanted, such as 5,6")
    args = parser.parse_args(words)
    if args.write and (args.quick or args.only):
        parser.error("--write is for the whole table: without --quick and --only")
    words = args.only.split(",") if args.only else [str(group) for group in bench_table.GROUPS]
    wanted = {group for group in bench_table.GROUPS if str(group) in words}
    if len(wanted) < len(words):
        parser.error(f"--only {args.only}: groups are 1 to {len(bench_table.GROUPS)}; example: --only 5,6")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources = (bench_interpreters, bench_rate, bench_process, bench_turns, bench_listen, bench_can, bench_device)
        jobs = [job for source in sources for job in source.jobs(folder, args.quick)]
        jobs = [job for job in jobs if any(row.group in wanted for row in job.rows)]
        # Bridges that wait for a line most of the time do not disturb each other much, and it saves minutes.
        for workers, some in ((1, [j for j in jobs if j.alone]), (2, [j for j in jobs if not j.alone])):
            with concurrent.futures.ThreadPoolExecutor(len(jobs) if args.quick else workers) as pool:
                list(pool.map(_run, some))
    groups = {g: rows for g, rows in bench_table.ordered(jobs).items() if rows and g in wanted}
    print(bench_table.machine())
    print(bench_table.plain(groups))
    print(f"\n{bench_table.explanation()}")
    print(f"Took {time.monotonic() - began:.0f} s.{' QUICK: the figures mean nothing.' if args.quick else ''}")
    if args.write:
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(bench_table.document(groups), encoding="utf-8")
        print(f"Written: {DOCUMENT.relative_to(ROOT)}")
    return 0


def _run(job: bench_table.Job) -> None:
    began = time.monotonic()
    job.run()
    print(f"... {job.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
