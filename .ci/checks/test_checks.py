"""The checks, checked: each rule finds an offence that is planted for it, and lets the good case pass."""

import unittest

import edges
import instructions
import promises
import tidy


def package(name, *dependencies):
    """A package as `cargo metadata` describes it; a dependency is `name` or `name:kind`."""
    split = [dependency.partition(":") for dependency in dependencies]
    return {"name": name, "dependencies": [{"name": other, "kind": kind or None} for other, _, kind in split]}


class Edges(unittest.TestCase):
    WORKSPACE = [
        package("types"), package("queue", "types"), package("journal", "types", "tokio"),
        package("journal-disk", "journal"), package("broker", "queue", "journal"), package("fanfare-proto"),
        package("grpc", "broker", "fanfare-proto", "fanfare-testkit:dev"),
        package("server", "grpc", "journal-disk"), package("fanfare-testkit", "server", "journal-disk"),
    ]

    def complaints(self, *changed):
        """Of the good workspace with some packages replaced."""
        names = {other["name"] for other in changed}
        packages = [other for other in self.WORKSPACE if other["name"] not in names] + list(changed)
        return [*edges.check_edges(packages), *edges.check_pure(packages)]

    def test_the_intended_edges_pass(self):
        self.assertEqual(self.complaints(), [])

    def test_a_planted_wrong_edge_is_found(self):
        for planted, expected in [
            (package("queue", "journal"), "queue -> journal: not allowed"),
            (package("journal", "broker"), "journal -> broker: not allowed"),
            (package("broker", "journal-disk"), "broker -> journal-disk: not allowed"),
            (package("grpc", "journal-disk:dev"), "only server, testkit and tests name an engine"),
            (package("fanfare-client", "types", "fanfare-proto"), "fanfare-client -> types: not allowed"),
            (package("broker", "grpc:build"), "broker -> grpc: not allowed"),
            (package("journal", "broker:dev"), "journal -> broker (dev): not among"),
            (package("server", "fanfare-testkit"), "server -> fanfare-testkit: it stands on top"),
            (package("types", "tokio"), "types -> tokio:"),
            (package("newcomer"), "newcomer: is in no table"),
        ]:
            with self.subTest(expected):
                found = self.complaints(planted)
                self.assertTrue(any(expected in complaint for complaint in found), found)

    def test_a_crate_without_the_lints_or_the_forbid_is_found(self):
        good = "[package]\n[lints]\nworkspace = true\n"
        self.assertEqual(list(edges.check_files(package("a"), good, {"lib.rs": "#![forbid(unsafe_code)]"})), [])
        found = list(edges.check_files(package("a"), "[package]\n", {"lib.rs": "#![deny(unsafe_code)]"}))
        self.assertEqual(len(found), 2, found)


class Tidy(unittest.TestCase):
    LONG = "fn long() {\n" + "    step();\n" * 70 + "}\n"

    def rules(self, path, text):
        return [(rule, place) for rule, place, _ in tidy.rust(path, text)]

    def test_a_function_over_the_limit_is_found_and_one_at_the_limit_passes(self):
        self.assertEqual(self.rules("a.rs", self.LONG), [("function-lines", "a.rs:long")])
        self.assertEqual(self.rules("a.rs", self.LONG.replace("    step();\n", "", 2)), [])

    def test_braces_in_strings_characters_and_comments_do_not_count(self):
        text = "fn f<'a>(x: &'a str) -> char {\n    let _ = \"}{{\\\"\"; // {{\n    let _ = r#\"{\"#;\n    '{'\n}\n" + self.LONG
        self.assertEqual(self.rules("a.rs", text), [("function-lines", "a.rs:long")])

    def test_inline_tests_count_neither_as_file_nor_as_function(self):
        tests = "#[cfg(test)]\nmod tests {\n" + self.LONG * 8 + "}\n"
        self.assertEqual(self.rules("a.rs", "fn f() {}\n" + tests), [])
        self.assertIn(("file-lines", "a.rs"), self.rules("a.rs", "fn f() {}\n" * 451 + tests))

    def test_a_sleep_is_found_in_tests_and_only_there(self):
        sleep = "async fn f() { tokio::" + "time::sleep(PAUSE).await; }\n"
        self.assertEqual(self.rules("crates/a/src/a.rs", sleep), [])
        self.assertEqual(self.rules("crates/a/tests/a.rs", sleep), [("sleep-in-test", "crates/a/tests/a.rs")])
        inline = "#[cfg(test)]\nmod tests {\n" + sleep + "}\n"
        self.assertEqual(self.rules("crates/a/src/a.rs", inline), [("sleep-in-test", "crates/a/src/a.rs")])

    def test_an_ignored_test_is_found(self):
        self.assertEqual(self.rules("a.rs", "#[test]\n#[ig" + "nore = \"slow\"]\nfn f() {}\n"), [("ignored-test", "a.rs")])

    def test_a_machine_path_and_a_registry_host_are_found_and_a_relative_path_is_not(self):
        def rules(text):
            return [rule for rule, _, _ in tidy.words("README.md", text)]

        self.assertEqual(rules("see /wo" + "rk/main/x"), ["machine-path"])
        self.assertEqual(rules("COPY x /ro" + "ot/.cargo"), ["machine-path"])
        self.assertEqual(rules("at https://regi" + "stry.example.org/x"), ["registry-host"])
        self.assertEqual(rules("docs/work/x, $HOME/home/y, https://example.org/work/z"), [])

    def test_the_list_of_exceptions_only_shrinks(self):
        allowed = tidy.read_allowed("# a comment\nfile-lines a.rs 500\n")
        self.assertEqual(list(tidy.judge([("file-lines", "a.rs", 500)], allowed)), [])
        self.assertEqual(len(list(tidy.judge([("file-lines", "a.rs", 501)], allowed))), 1)
        self.assertEqual(len(list(tidy.judge([("file-lines", "a.rs", 480)], allowed))), 1)
        self.assertEqual(len(list(tidy.judge([], allowed))), 1)


class Promises(unittest.TestCase):
    DOCUMENT = "### 1. First\n- `a_test_that_is_there`\n### 2. Second\n- `a_test_that_is_gone`\n### 3. Third\nnothing\n"

    def test_a_missing_test_and_a_promise_without_one_are_found(self):
        found = promises.complaints(self.DOCUMENT, "async fn a_test_that_is_there() {}")
        self.assertEqual(len(found), 2, found)


class Instructions(unittest.TestCase):
    def test_start_and_end_of_a_run_are_not_counted(self):
        deliveries = (instructions.MANY - instructions.FEW) * instructions.SUBSCRIPTIONS
        self.assertEqual(instructions.per_delivery(1_000_000, 1_000_000 + 700 * deliveries), 700)

    def test_the_count_is_found_in_what_callgrind_says(self):
        said = "==7== Events    : Ir\n==7== Collected : 123456789\n==7==\n==7== I   refs:      123,456,789\n"
        self.assertEqual(instructions.collected(said), 123_456_789)
        with self.assertRaises(SystemExit):
            instructions.collected("==7== killed\n")

    def test_much_more_fails_and_much_less_passes_with_advice(self):
        committed = instructions.read(instructions.write({"broker": 1_000}))
        self.assertEqual(committed, {"broker": 1_000})
        for figure, is_good, part in [
            (1_000, True, "+0.0%"), (1_250, True, "+25.0%"), (1_251, False, "more than 25% above"),
            (751, True, "-24.9%"), (749, True, "time for a new figure"),
        ]:
            [(found, line)] = instructions.judge({"broker": figure}, committed)
            self.assertEqual((found, part in line), (is_good, True), line)
        [(found, _)] = instructions.judge({"whole": 1}, committed)
        self.assertFalse(found, "a load without a figure is not guarded")


if __name__ == "__main__":
    unittest.main()
