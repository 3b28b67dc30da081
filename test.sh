#!/usr/bin/env bash
# Everything that must be true before a change lands, on a Debian 12 with Rust: ./test.sh [--long]
#
#   --long   also what takes long, such as 200 rounds of kill -9: the suites see FANFARE_LONG=1
#
# One profile builds everything: the end-to-end suite runs the very binary that `cargo test` links, so nothing is compiled twice.
# (The dependencies are optimised in that profile, see Cargo.toml.) CARGO_TERM_COLOR and the like are yours to set.
set -euo pipefail
cd "$(dirname "$0")"

section_started=$SECONDS
current=start
section() {
    [ "$current" = start ] || echo "--- $current: $((SECONDS - section_started)) s"
    current="$1"
    section_started=$SECONDS
    printf '\n=== %s\n' "$current"
}
trap '[ $? = 0 ] || echo "!!! failed in section: $current, after $((SECONDS - section_started)) s" >&2' EXIT

long=
for argument in "$@"; do
    case "$argument" in
        --long) long=1 ;;
        *) echo "usage: ./test.sh [--long]" >&2; exit 2 ;;
    esac
done

section "tools"
. .ci/tools.sh

section "protos: buf lint"
(cd proto && "$BUF" lint)

section "build"
cargo test --workspace --locked --no-run
FANFARE_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/fanfare"
export FANFARE_BIN
[ -x "$FANFARE_BIN" ] || { echo "no binary at $FANFARE_BIN" >&2; exit 1; }

section "documentation of the crates for others: no warning"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --all-features -p fanfare-client -p fanfare-proto -p fanfare-testkit

section "fuzz targets: they build"
for manifest in crates/*/fuzz/Cargo.toml; do
    # Not --locked: each has a lock file of its own, which the crate above it may have outgrown.
    cargo build --quiet --manifest-path "$manifest" --target-dir "${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
done

benches=$(cargo metadata --format-version 1 --no-deps --locked |
    python3 -c 'import json, sys; print(sum("bench" in t["kind"] for p in json.load(sys.stdin)["packages"] for t in p["targets"]))')
if [ "$benches" -gt 0 ]; then
    # Without `--bench` criterion runs each benchmark once, to see that it still works; and the profile is the one of the tests.
    section "benchmarks, each once ($benches files)"
    cargo test --workspace --locked --quiet --bench '*'
fi

section "instructions per delivered message"
.ci/instructions

[ -z "$long" ] || export FANFARE_LONG=1
section "tests: units, properties, end to end${long:+, long}"
log="$TOOLS/../test.log"
status=0
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || status=$?
echo "--- $current: $((SECONDS - section_started)) s; in all $SECONDS s"

# The sum of the runner's own lines, last, because the last of them counts no more than one crate's documentation tests.
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, ignored; exit passed == 0 || failed > 0 }' "$log"
exit "$status"
