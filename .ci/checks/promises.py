#!/usr/bin/env python3
"""Every test that docs/SEMANTICS.md names as the proof of a promise exists, and every promise names one.

Reads the names of tracked files, separated by NUL, from standard input.
"""

import pathlib
import re
import sys

DOCUMENT = pathlib.Path("docs/SEMANTICS.md")
TEST = re.compile(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`")
PROMISE = re.compile(r"^### (\d+\. .*)$", re.MULTILINE)
FUNCTION = re.compile(r"\bfn ([a-z0-9_]+)")


def complaints(document: str, sources: str) -> list[str]:
    functions = set(FUNCTION.findall(sources))
    promises = PROMISE.split(document)[1:]
    found = []
    for title, text in zip(promises[::2], promises[1::2]):
        tests = TEST.findall(text.split("\n## ")[0])
        if not tests:
            found.append(f"promise {title!r} names no test")
        found += [f"promise {title!r} names {test}, which is no function" for test in tests if test not in functions]
    return found


def main() -> int:
    names = [name for name in sys.stdin.read().split("\0") if name.endswith(".rs")]
    sources = "\n".join(pathlib.Path(name).read_text() for name in names if pathlib.Path(name).exists())
    found = complaints(DOCUMENT.read_text(), sources)
    for complaint in found:
        print(f"{DOCUMENT}: {complaint}")
    print(f"promises: {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
