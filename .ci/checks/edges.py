"""Who may depend on whom (DESIGN.md, section 6), read from `cargo metadata` on standard input.

A crate that is not in the tables is an error: whoever adds one says where it belongs.
"""

import json
import pathlib
import sys

# What each crate may name in [dependencies] and [build-dependencies]. The left never imports the right, and siblings
# never import each other.
ALLOWED = {
    "types": set(),
    "filter": {"types"},
    "queue": {"types"},
    "journal": {"types"},
    "journal-disk": {"types", "journal"},
    "journal-nats": {"types", "journal"},
    "telemetry": {"types"},
    "broker": {"types", "filter", "queue", "journal", "telemetry"},
    "fanfare-proto": set(),
    "grpc": {"types", "filter", "queue", "broker", "fanfare-proto", "telemetry"},
    "push": {"types", "filter", "broker", "fanfare-proto", "telemetry"},
    "fanfare-client": {"fanfare-proto"},
    "load": {"fanfare-client", "fanfare-proto"},
    "cli": {"fanfare-client", "load"},
    "server": {
        "types", "journal", "journal-disk", "journal-nats", "broker", "grpc", "push", "telemetry", "cli",
    },
}

# These stand on top: nothing of the product depends on them, so they may use all of it.
TOP = {"fanfare-testkit", "fanfare-bench", "e2e", "fuzz"}

# Only these name an engine, besides the engines' own dev-dependencies and what stands on top.
ENGINES = {"journal-disk", "journal-nats"}

# No async, no I/O, no wire format.
PURE = {"types", "filter", "queue"}
IMPURE = {
    "async-trait", "axum", "futures", "futures-util", "hyper", "mio", "prost", "prost-types", "reqwest", "rustix",
    "smol", "socket2", "tokio", "tokio-stream", "tokio-util", "tonic", "tonic-prost",
}


def edges(package):
    """(name, kind) of each dependency; the kind is None for [dependencies], else `dev` or `build`."""
    return [(dependency["name"], dependency["kind"]) for dependency in package["dependencies"]]


def check_edges(packages):
    """Complaints about edges inside the workspace."""
    members = {package["name"] for package in packages}
    for package in packages:
        name = package["name"]
        if name not in ALLOWED and name not in TOP:
            yield f"{name}: is in no table of .ci/checks/edges.py; say where it belongs"
            continue
        for other, kind in edges(package):
            if other in members and other != name:
                yield from check_edge(name, other, kind)


def check_edge(name, other, kind):
    """Complaints about one edge."""
    if name in TOP:
        return
    if kind == "dev":
        # Tests may look at their neighbours, but a lower crate's test never needs a higher one, save testkit.
        if other in ENGINES and name != "server":
            yield f"{name} -> {other} (dev): only server, testkit and tests name an engine"
        elif other not in ALLOWED[name] and other not in {"fanfare-testkit", "journal"}:
            yield f"{name} -> {other} (dev): not among the crates that {name} may know"
    elif other in TOP:
        yield f"{name} -> {other}: it stands on top; use it in [dev-dependencies] only"
    elif other not in ALLOWED[name]:
        yield f"{name} -> {other}: not allowed; allowed: {', '.join(sorted(ALLOWED[name])) or 'none'}"


def check_pure(packages):
    """Complaints about async or I/O where there is none."""
    for package in packages:
        if package["name"] in PURE:
            for other, kind in edges(package):
                if other in IMPURE and kind != "dev":
                    yield f"{package['name']} -> {other}: {', '.join(sorted(PURE))} have no async and no I/O"


def check_files(package, manifest, roots):
    """Complaints about one crate's manifest and the roots of its targets, given as texts."""
    name = package["name"]
    lints = manifest.split("[lints]", 1)
    if len(lints) < 2 or not lints[1].lstrip().startswith("workspace = true"):
        yield f"{name}: Cargo.toml lacks `[lints]` with `workspace = true`"
    for path, text in roots.items():
        if "#![forbid(unsafe_code)]" not in text:
            yield f"{name}: {path} lacks `#![forbid(unsafe_code)]`"


def read_files(package):
    """The manifest and the roots of the library and the binaries."""
    kinds = {"lib", "bin"}
    roots = {
        target["src_path"]: pathlib.Path(target["src_path"]).read_text(encoding="utf-8")
        for target in package["targets"]
        if kinds & set(target["kind"])
    }
    return pathlib.Path(package["manifest_path"]).read_text(encoding="utf-8"), roots


def main():
    packages = json.load(sys.stdin)["packages"]
    complaints = [*check_edges(packages), *check_pure(packages)]
    for package in packages:
        complaints += check_files(package, *read_files(package))
    for complaint in complaints:
        print(f"structure: {complaint}", file=sys.stderr)
    print(f"structure: {len(packages)} crates, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
