"""Counts the instructions that a delivered message costs, and compares them with instructions.figures.

    instructions.py PROGRAM DIRECTORY

PROGRAM is the example `instructions` of crates/testkit. Each load runs twice, with few messages and with many; the difference is what the messages
cost, without start and end. It fails if a figure is more than a quarter above the committed one, and says so if it is much below: then it is time for
a new figure (FANFARE_INSTRUCTIONS=update).
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

LOADS = ("broker", "whole")
FEW, MANY = 500, 2_000
SUBSCRIPTIONS = 4
MARGIN = 0.25
FIGURES = pathlib.Path(__file__).with_name("instructions.figures")
HEAD = """\
# Instructions per delivered message: the load, the figure. Written by FANFARE_INSTRUCTIONS=update .ci/instructions.
"""
# A run takes seconds; one that hangs is a failure.
PATIENCE = 600


def count(program, directory, load, messages):
    """Instructions of one run."""
    profile = directory / f"callgrind.{load}.{messages}"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", program, load, str(messages)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if run.returncode != 0:
        raise SystemExit(f"instructions: {' '.join(command)} ended with {run.returncode}\n{run.stderr}")
    return collected(run.stderr)


def collected(output):
    """What callgrind says at its end."""
    found = re.search(r"Collected\s*:\s*(\d+)", output)
    if not found:
        raise SystemExit(f"instructions: callgrind gave no count\n{output}")
    return int(found.group(1))


def per_delivery(few, many):
    """Of the messages that one run has more than the other."""
    return round((many - few) / ((MANY - FEW) * SUBSCRIPTIONS))


def read(text):
    """{load: figure}"""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {load: int(figure) for load, figure in lines}


def write(figures):
    return HEAD + "".join(f"{load} {figure}\n" for load, figure in sorted(figures.items()))


def judge(measured, committed):
    """(whether it is good, a line) for each load."""
    for load, figure in sorted(measured.items()):
        before = committed.get(load)
        if before is None:
            yield False, f"{load}: {figure} instructions per delivery, and no figure is committed"
            continue
        change = figure / before - 1
        line = f"{load}: {figure} instructions per delivery, committed {before}, {change:+.1%}"
        if change > MARGIN:
            yield False, f"{line}: more than {MARGIN:.0%} above"
        elif change < -MARGIN:
            yield True, f"{line}: time for a new figure (FANFARE_INSTRUCTIONS=update)"
        else:
            yield True, line


def measure(program, directory):
    """{load: figure}; two runs at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        counts = {
            (load, messages): pool.submit(count, program, directory, load, messages)
            for load in LOADS
            for messages in (MANY, FEW)
        }
    return {load: per_delivery(counts[load, FEW].result(), counts[load, MANY].result()) for load in LOADS}


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    measured = measure(program, directory)
    if os.environ.get("FANFARE_INSTRUCTIONS") == "update":
        FIGURES.write_text(write(measured), encoding="utf-8")
    committed = read(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    judgements = list(judge(measured, committed))
    for is_good, line in judgements:
        print(f"instructions: {line}", file=sys.stdout if is_good else sys.stderr)
    return 0 if all(is_good for is_good, _ in judgements) else 1


if __name__ == "__main__":
    sys.exit(main())
