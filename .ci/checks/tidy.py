"""What stays tidy: sizes, and words that must not be in tracked files. Names of files on standard input, NUL between.

Exceptions are in tidy.allow, one a line: the rule, the place, and for sizes the most it may be. The list only shrinks:
an exception that is no longer needed, or allows more than is there, is itself a complaint.
"""

import pathlib
import re
import sys

FUNCTION_LINES = 70
FILE_LINES = 450

# In pieces, so that this file does not hold what it forbids.
MACHINE_DIRECTORIES = re.compile(r"(?<![\w.\-/$}])/(?:" + "|".join(["work", "root", "home"]) + r")/[\w.]")
REGISTRY_HOSTS = re.compile(r"https?://[\w.\-]*(?:registry|pypi|npmjs|pythonhosted|deb\.debian|crates\.io|mirror)[\w.\-]*")
IGNORED_TEST = re.compile(r"#\[ignore")
SLEEP = re.compile(r"\b(?:thread|time)::sleep\b|\bsleep\(Duration|\bsleep_until\(")
TEST_MODULE = re.compile(r"#\[cfg\((?:all\()?test\b[^\n]*\]\s*(?:#\[[^\n]*\]\s*)*(?:pub(?:\([^)]*\))? )?mod \w+ \{")
FUNCTION = re.compile(r"\bfn\s+(\w+)")

# Cargo writes the registry's address into it.
NOT_PROSE = {"Cargo.lock"}


def blank(text):
    """The text with comments, strings and character literals blanked out; lines and columns stay where they are."""
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\'', re.DOTALL
    )
    return token.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def matching_brace(code, opening):
    """Where the block that opens there ends."""
    depth = 0
    for position in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[position], 0)
        if depth == 0:
            return position
    return len(code) - 1


def without_tests(code):
    """The blanked code less its inline test modules, and the part that was taken out."""
    tests = []
    while match := TEST_MODULE.search(code):
        end = matching_brace(code, match.end() - 1) + 1
        tests.append(code[match.start():end])
        code = code[:match.start()] + code[end:]
    return code, "\n".join(tests)


def functions(code):
    """(name, lines) of each function with a body."""
    for match in FUNCTION.finditer(code):
        body = re.compile(r"[{;]").search(code, match.end())
        if body and body.group() == "{":
            yield match.group(1), code.count("\n", match.start(), matching_brace(code, body.start())) + 1


def is_test_file(path):
    """Whether everything in it is for tests."""
    parts = pathlib.PurePosixPath(path).parts
    return bool({"tests", "testing", "benches", "fuzz", "testkit"} & set(parts)) or parts[-1] in {"tests.rs", "conformance.rs"}


def sizes(path, code):
    """(rule, place, size) of what is too large."""
    lines = len(code.rstrip().splitlines())
    if lines > FILE_LINES:
        yield "file-lines", path, lines
    for name, length in functions(code):
        if length > FUNCTION_LINES:
            yield "function-lines", f"{path}:{name}", length


def rust(path, text):
    """(rule, place, size) of each offence of a Rust file."""
    code, tests = without_tests(blank(text))
    if is_test_file(path):
        tests = code + tests
    else:
        yield from sizes(path, code)
    for rule, pattern, where in (("sleep-in-test", SLEEP, tests), ("ignored-test", IGNORED_TEST, code + tests)):
        if found := len(pattern.findall(where)):
            yield rule, path, found


def words(path, text):
    """(rule, place, size) of each word that no tracked file may hold."""
    if pathlib.PurePosixPath(path).name in NOT_PROSE:
        return
    for rule, pattern in (("machine-path", MACHINE_DIRECTORIES), ("registry-host", REGISTRY_HOSTS)):
        if found := len(pattern.findall(text)):
            yield rule, path, found


def read_allowed(text):
    """{(rule, place): most} of the list of exceptions."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {(rule, place): int(most) for rule, place, most in lines}


def judge(offences, allowed):
    """Complaints: what is not allowed, and what is allowed without need."""
    found = {(rule, place): size for rule, place, size in offences}
    for (rule, place), size in sorted(found.items()):
        most = allowed.get((rule, place), 0)
        if size > most:
            yield f"{rule}: {place} has {size}" + (f", allowed are {most}" if most else "")
    for (rule, place), most in sorted(allowed.items()):
        if found.get((rule, place), 0) < most:
            yield f"tidy.allow: {rule} {place} allows {most}, there are {found.get((rule, place), 0)}: lower it"


def main():
    offences = []
    paths = [path for path in sys.stdin.read().split("\0") if path and pathlib.Path(path).is_file()]
    for path in paths:
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        offences += words(path, text)
        if path.endswith(".rs"):
            offences += rust(path, text)
    allowed = read_allowed(pathlib.Path(__file__).with_name("tidy.allow").read_text(encoding="utf-8"))
    complaints = list(judge(offences, allowed))
    for complaint in complaints:
        print(f"tidy: {complaint}", file=sys.stderr)
    print(f"tidy: {len(paths)} files, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
