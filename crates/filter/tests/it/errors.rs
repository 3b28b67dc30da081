//! Every rule about policies, broken once: where the error points, and what it says.

use filter::{Policy, PolicyError};
use types::FilterScope::{self, Attributes, Body};

/// Scope, policy, where the error points, and a part of what it says.
type Case = (FilterScope, &'static str, &'static str, &'static str);

const POLICIES: &[Case] = &[
    (Attributes, r#""#, "$", "is no JSON: EOF while parsing a value at line 1 column 0"),
    (Attributes, r#"{"a": [1]"#, "$", "is no JSON: EOF while parsing an object at line 1 column 9"),
    (Attributes, r#"{"a": [1],}"#, "$", "is no JSON: trailing comma at line 1 column 11"),
    (Attributes, "{\"a\": [1]}\n x", "$", "is no JSON: trailing characters at line 2 column 2"),
    (Attributes, r#"{'a': [1]}"#, "$", "is no JSON: key must be a string at line 1 column 2"),
    (Attributes, r#"{"a": ["\x"]}"#, "$", "is no JSON: invalid escape at line 1 column 10"),
    (Attributes, r#"{"a": ["\ud800"]}"#, "$", "is no JSON: unexpected end of hex escape"),
    (Attributes, r#"{"a": [1e400]}"#, "$", "is no JSON: number out of range at line 1 column 12"),
    (Attributes, r#"{"a": [NaN]}"#, "$", "is no JSON: expected value at line 1 column 8"),
    (Attributes, r#"{"a": [01]}"#, "$", "is no JSON: invalid number at line 1 column 9"),
    (Attributes, r#"null"#, "$", "is null, must be an object"),
    (Attributes, r#""text""#, "$", r#"is "text", must be an object"#),
    (Attributes, r#"[{"a": [1]}]"#, "$", "is a list of 1 element, must be an object"),
    (Attributes, r#"{}"#, "$", "Empty objects are not allowed; leave the policy out to get every message"),
];

const KEYS: &[Case] = &[
    (Attributes, r#"{"a": "x"}"#, "$.a", r#"is "x": "a" must be an object or an array"#),
    (Attributes, r#"{"a": null}"#, "$.a", r#"is null: "a" must be an object or an array"#),
    (Body, r#"{"a": true}"#, "$.a", r#"is true: "a" must be an object or an array"#),
    (Body, r#"{"a": {"suffix": "x"}}"#, "$.a.suffix", r#"is "x": "suffix" must be an object or an array"#),
    (Attributes, r#"{"a": {"b": [1]}}"#, "$.a", "is an object: nested keys need the body as scope"),
    (Attributes, r#"{"a": {}}"#, "$.a", "is an object: nested keys need the body as scope"),
    (
        Attributes,
        r#"{"$or": [{"a": [1]}, {"b": {"c": [1]}}]}"#,
        "$.$or[1].b",
        "nested keys need the body as scope",
    ),
    (Body, r#"{"a": {}}"#, "$.a", "is empty: Empty objects are not allowed"),
    (Body, r#"{"a": {"b": {}}, "c": [1]}"#, "$.a.b", "is empty: Empty objects are not allowed"),
    (Attributes, r#"{"a": [1], "a": [2]}"#, "$.a", "is there twice in one object"),
    (Attributes, r#"{"a b": [1], "a\u0020b": [2]}"#, "$['a b']", "is there twice in one object"),
    (Body, r#"{"x": {"a": [1], "b": [1], "a": [2]}}"#, "$.x.a", "is there twice in one object"),
    (
        Body,
        r#"{"$or": [{"a": [1]}, {"b": [1]}], "$or": [{"c": [1]}, {"d": [1]}]}"#,
        "$.$or",
        "is there twice",
    ),
    (Attributes, r#"{"": [1]}"#, "$['']", "every name must have at least one character"),
    (Body, r#"{"": [1]}"#, "$['']", "every name must have at least one character"),
    (Body, r#"{"a..b": [1]}"#, "$['a..b']", "is a key with an empty step"),
    (Body, r#"{".a": [1]}"#, "$['.a']", "is a key with an empty step"),
    (Body, r#"{"a": {"b.": [1]}}"#, "$.a['b.']", "is a key with an empty step"),
    (Attributes, r#"{"it's": "x"}"#, r"$['it\'s']", "must be an object or an array"),
    (Attributes, r#"{"größe": 5}"#, "$.größe", "is 5"),
];

const OR: &[Case] = &[
    (
        Body,
        r#"{"$or": {"a": [1], "b": [1]}}"#,
        "$.$or",
        "is an object of 2 keys, must be a list of at least 2 objects",
    ),
    (Body, r#"{"$or": "x"}"#, "$.$or", r#"is "x", must be a list of at least 2 objects"#),
    (Body, r#"{"$or": []}"#, "$.$or", "has 0 elements: There must be at least 2 objects in `$or`"),
    (Body, r#"{"$or": [{"a": [1]}]}"#, "$.$or", "has 1 element: There must be at least 2 objects in `$or`"),
    (Body, r#"{"$or": [{"a": [1]}, "b"]}"#, "$.$or[1]", r#"is "b": Only objects are allowed in `$or`"#),
    (Body, r#"{"$or": [[], {"a": [1]}]}"#, "$.$or[0]", "is a list of 0 elements: Only objects are allowed"),
    (Body, r#"{"$or": [{"a": [1]}, {}]}"#, "$.$or[1]", "is empty: Empty objects are not allowed"),
    (Body, r#"{"x": {"$or": [{"a": [1]}]}}"#, "$.x.$or", "at least 2 objects"),
    (Body, r#"{"$or": [{"a": [1]}, {"$or": [{"a": [1]}]}]}"#, "$.$or[1].$or", "at least 2 objects"),
    (
        Attributes,
        r#"{"$or": [{"prefix": ["x"]}, {"a": [1]}]}"#,
        "$.$or[0].prefix",
        r#"has "prefix" as a key, which is reserved inside `$or`"#,
    ),
    (Attributes, r#"{"$or": [{"a": [1]}, {"numeric": [1]}]}"#, "$.$or[1].numeric", "reserved inside `$or`"),
    (Attributes, r#"{"$or": [{"a": [1]}, {"<=": [1]}]}"#, "$.$or[1]['<=']", "reserved inside `$or`"),
    (Body, r#"{"$or": [{"a": {"cidr": [1]}}, {"b": [1]}]}"#, "$.$or[0].a.cidr", "reserved inside `$or`"),
    (Body, r#"{"$or": [{"a.exists": [1]}, {"b": [1]}]}"#, "$.$or[0]['a.exists']", r#"has "exists" as a key"#),
    (
        Body,
        r#"{"a.$or": [{"b": [1]}, {"c": [1]}]}"#,
        "$['a.$or']",
        "has `$or` as a step: it takes an object of its own",
    ),
];

const LISTS: &[Case] = &[
    (Attributes, r#"{"a": []}"#, "$.a", "is an empty list: Empty arrays are not allowed"),
    (Body, r#"{"a": {"b": []}}"#, "$.a.b", "is an empty list: Empty arrays are not allowed"),
    (
        Attributes,
        r#"{"a": [["x"]]}"#,
        "$.a[0]",
        "is a list of 1 element: Match value must be String, number, true, false, or null",
    ),
    (
        Attributes,
        r#"{"a": ["x", {}]}"#,
        "$.a[1]",
        "Match expression name not found, must be exactly, prefix,",
    ),
    (
        Attributes,
        r#"{"a": [{"suffix": "x", "prefix": "y"}]}"#,
        "$.a[0]",
        "is an object of 2 keys: Only one key allowed in match expression",
    ),
    (
        Attributes,
        r#"{"a": [{"prefix": "x", "prefix": "y"}]}"#,
        "$.a[0]",
        "Only one key allowed in match expression",
    ),
    (
        Attributes,
        r#"{"a": [{"wrong-operator": true}]}"#,
        "$.a[0].wrong-operator",
        r#"Unrecognized match type "wrong-operator", must be exactly,"#,
    ),
    (Attributes, r#"{"a": [{"Prefix": "x"}]}"#, "$.a[0].Prefix", r#"Unrecognized match type "Prefix""#),
    (Body, r#"{"a": [{"$or": [{"b": [1]}, {"c": [1]}]}]}"#, "$.a[0].$or", r#"Unrecognized match type "$or""#),
    (
        Attributes,
        r#"{"a": [{"exists": null}]}"#,
        "$.a[0].exists",
        "is null: exists match pattern must be either true or false",
    ),
    (
        Attributes,
        r#"{"a": [{"exists": "no"}]}"#,
        "$.a[0].exists",
        r#"is "no": exists match pattern must be either true or false"#,
    ),
    (Attributes, r#"{"a": [{"exists": 1}]}"#, "$.a[0].exists", "is 1: exists match pattern must be"),
    (
        Attributes,
        r#"{"a": [{"exists": [true]}]}"#,
        "$.a[0].exists",
        "is a list of 1 element: exists match pattern",
    ),
];

const TEXTS: &[Case] = &[
    (Attributes, r#"{"a": [{"prefix": 5}]}"#, "$.a[0].prefix", "is 5: prefix match pattern must be a string"),
    (
        Attributes,
        r#"{"a": [{"suffix": null}]}"#,
        "$.a[0].suffix",
        "is null: suffix match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"suffix": []}]}"#,
        "$.a[0].suffix",
        "is a list of 0 elements: suffix match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"prefix": ["x", "y"]}]}"#,
        "$.a[0].prefix",
        "prefix match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"equals-ignore-case": true}]}"#,
        "$.a[0].equals-ignore-case",
        "is true: equals-ignore-case match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"equals-ignore-case": ["x"]}]}"#,
        "$.a[0].equals-ignore-case",
        "must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"exactly": 1}]}"#,
        "$.a[0].exactly",
        "is 1: exactly match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"wildcard": 1.5}]}"#,
        "$.a[0].wildcard",
        "is 1.5: wildcard match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"wildcard": "a**b"}]}"#,
        "$.a[0].wildcard",
        "has consecutive wildcard characters at position 2",
    ),
    (
        Attributes,
        r#"{"a": [{"wildcard": "a\\b"}]}"#,
        "$.a[0].wildcard",
        "has an invalid escape character at position 1",
    ),
    (
        Attributes,
        r#"{"a": [{"wildcard": "ab\\"}]}"#,
        "$.a[0].wildcard",
        "has an invalid escape character at position 2",
    ),
    (
        Attributes,
        r#"{"a": [{"prefix": {"equals-ignore-case": 1}}]}"#,
        "$.a[0].prefix.equals-ignore-case",
        "is 1: equals-ignore-case match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"suffix": {"wildcard": "x"}}]}"#,
        "$.a[0].suffix.wildcard",
        r#"Unsupported suffix pattern: "wildcard", must be equals-ignore-case"#,
    ),
    (
        Attributes,
        r#"{"a": [{"prefix": {}}]}"#,
        "$.a[0].prefix",
        "is an object of 0 keys: Only one key allowed in match expression",
    ),
    (Attributes, r#"{"a": [{"cidr": 10}]}"#, "$.a[0].cidr", "is 10: cidr match pattern must be a string"),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0.0"}]}"#,
        "$.a[0].cidr",
        r#"is "10.0.0.0": Malformed CIDR, one '/' required"#,
    ),
    (Attributes, r#"{"a": [{"cidr": "10.0.0.0/8/8"}]}"#, "$.a[0].cidr", "Malformed CIDR, one '/' required"),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0/8"}]}"#,
        "$.a[0].cidr",
        "before the '/' must be an IPv4 or IPv6 address",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "host/8"}]}"#,
        "$.a[0].cidr",
        "before the '/' must be an IPv4 or IPv6 address",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 32",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0.0/-1"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 32",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0.0/+8"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 32",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "10.0.0.0/"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 32",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "::/129"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 128",
    ),
    (
        Attributes,
        r#"{"a": [{"cidr": "::/256"}]}"#,
        "$.a[0].cidr",
        "mask bits must be an integer from 0 to 128",
    ),
];

const NUMBERS: &[Case] = &[
    (Attributes, r#"{"a": [{"numeric": 5}]}"#, "$.a[0].numeric", "is 5: Value of numeric must be an array"),
    (
        Attributes,
        r#"{"a": [{"numeric": []}]}"#,
        "$.a[0].numeric",
        r#"is an empty list, must begin with "=", "<", "<=", ">" or ">=""#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": ["operator"]}]}"#,
        "$.a[0].numeric[0]",
        r#"is "operator": Unrecognized numeric range operator"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": ["==", 1]}]}"#,
        "$.a[0].numeric[0]",
        r#"is "==": Unrecognized numeric range operator"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [1, "<="]}]}"#,
        "$.a[0].numeric[0]",
        "is 1: Invalid member in numeric match",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": ["=", "000"]}]}"#,
        "$.a[0].numeric[1]",
        r#"is "000": Value of = must be numeric"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">="]}]}"#,
        "$.a[0].numeric",
        r#"ends after ">=": Value of >= must be numeric"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": ["<", 100, ">", 10]}]}"#,
        "$.a[0].numeric",
        "has 4 elements: Too many elements in numeric expression",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": ["=", 1, "=", 2]}]}"#,
        "$.a[0].numeric",
        "Too many elements in numeric expression",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">=", 1, ">", 2]}]}"#,
        "$.a[0].numeric[2]",
        r#"is ">": Bad numeric range operator"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 1, "=", 2]}]}"#,
        "$.a[0].numeric[2]",
        r#"is "=": Bad numeric range operator"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 3, "<", 1]}]}"#,
        "$.a[0].numeric",
        "is a range from 3 to 1: Bottom must be less than top",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">=", 3, "<=", 3.0]}]}"#,
        "$.a[0].numeric",
        "is a range from 3 to 3: Bottom must be less than top",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">=", 0, "<=", -0.0]}]}"#,
        "$.a[0].numeric",
        "is a range from 0 to 0: Bottom must be less than top",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 20, "<="]}]}"#,
        "$.a[0].numeric",
        r#"ends after "<=": Value of <= must be numeric"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 20, 30]}]}"#,
        "$.a[0].numeric[2]",
        "is 30: Invalid member in numeric match",
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 20, "test"]}]}"#,
        "$.a[0].numeric[2]",
        r#"is "test": Unrecognized numeric range operator"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", "20", "<", 30]}]}"#,
        "$.a[0].numeric[1]",
        r#"is "20": Value of > must be numeric"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 20, "<", "30"]}]}"#,
        "$.a[0].numeric[3]",
        r#"is "30": Value of < must be numeric"#,
    ),
    (
        Attributes,
        r#"{"a": [{"numeric": [">", 20, "<", 30, "<", 50]}]}"#,
        "$.a[0].numeric",
        "has 6 elements: Too many terms in numeric range expression",
    ),
];

const ANYTHING_BUT: &[Case] = &[
    (
        Attributes,
        r#"{"a": [{"anything-but": null}]}"#,
        "$.a[0].anything-but",
        "is null: Value of anything-but must be an array or single string/number value",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": true}]}"#,
        "$.a[0].anything-but",
        "is true: Value of anything-but must be an array or single string/number value",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": []}]}"#,
        "$.a[0].anything-but",
        "is an empty list: Empty arrays are not allowed",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": ["x", 1]}]}"#,
        "$.a[0].anything-but[1]",
        "is 1 in a list of strings: inside anything-but list, either all values are number or string, mixed type is not supported",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": [1, 2, "x"]}]}"#,
        "$.a[0].anything-but[2]",
        r#"is "x" in a list of numbers"#,
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": ["x", null]}]}"#,
        "$.a[0].anything-but[1]",
        "is null: an anything-but list has strings or numbers",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": [{"prefix": "x"}]}]}"#,
        "$.a[0].anything-but[0]",
        "is an object of 1 key: an anything-but list has strings or numbers",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {}}]}"#,
        "$.a[0].anything-but",
        "is an object of 0 keys: exactly one must be there, prefix, suffix, equals-ignore-case or wildcard",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"prefix": "x", "suffix": "y"}}]}"#,
        "$.a[0].anything-but",
        "is an object of 2 keys: exactly one must be there",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"exists": true}}]}"#,
        "$.a[0].anything-but.exists",
        r#"Unsupported anything-but pattern: "exists""#,
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"anything-but": "x"}}]}"#,
        "$.a[0].anything-but.anything-but",
        "Unsupported anything-but pattern",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"numeric": ["=", 1]}}]}"#,
        "$.a[0].anything-but.numeric",
        "Unsupported anything-but pattern",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"prefix": 1}}]}"#,
        "$.a[0].anything-but.prefix",
        "is 1: prefix match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"prefix": ["x", 1]}}]}"#,
        "$.a[0].anything-but.prefix[1]",
        "is 1: prefix match pattern must be a string",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"suffix": []}}]}"#,
        "$.a[0].anything-but.suffix",
        "is an empty list: Empty arrays are not allowed",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"prefix": ""}}]}"#,
        "$.a[0].anything-but.prefix",
        "Null prefix/suffix not allowed",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"suffix": ["x", ""]}}]}"#,
        "$.a[0].anything-but.suffix[1]",
        "Null prefix/suffix not allowed",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"wildcard": "a**"}}]}"#,
        "$.a[0].anything-but.wildcard",
        "has consecutive wildcard characters at position 2",
    ),
    (
        Attributes,
        r#"{"a": [{"anything-but": {"equals-ignore-case": ["x", 1]}}]}"#,
        "$.a[0].anything-but.equals-ignore-case[1]",
        "is 1: equals-ignore-case match pattern must be a string",
    ),
];

fn error(scope: FilterScope, json: &str) -> PolicyError {
    Policy::parse(scope, json).expect_err(json)
}

fn check(cases: &[Case]) {
    for (scope, json, path, reason) in cases {
        let error = error(*scope, json);
        assert_eq!(error.path, *path, "{json}: {}", error.reason);
        assert!(error.reason.contains(reason), "{json}: {:?} has no {reason:?}", error.reason);
    }
}

#[test]
fn a_policy_is_one_json_object() {
    check(POLICIES);
}

#[test]
fn keys_have_names_and_lists_and_nested_keys_only_in_a_body() {
    check(KEYS);
}

#[test]
fn an_or_has_at_least_two_objects_and_no_operators_for_keys() {
    check(OR);
}

#[test]
fn a_list_has_values_and_expressions_of_one_operator() {
    check(LISTS);
}

#[test]
fn operators_on_texts_take_what_they_can_mean() {
    check(TEXTS);
}

#[test]
fn numeric_takes_one_comparison_or_a_range_from_below() {
    check(NUMBERS);
}

#[test]
fn anything_but_takes_values_of_one_type_or_an_operator_on_texts() {
    check(ANYTHING_BUT);
}

#[test]
fn long_keys_and_values_are_cut_in_an_error() {
    let long = "ü".repeat(60_000);
    let policies = [
        (Attributes, format!(r#"{{"{long}": 1}}"#)),
        (Attributes, format!(r#"{{"a": "{long}"}}"#)),
        (Attributes, format!(r#"{{"a": [{{"{long}": 1}}]}}"#)),
        (Attributes, format!(r#"{{"a": [{{"cidr": "{long}"}}]}}"#)),
        (Attributes, format!(r#"{{"a": [{{"numeric": ["{long}"]}}]}}"#)),
        (Attributes, format!(r#"{{"a": [{{"anything-but": {{"{long}": 1}}}}]}}"#)),
        (Attributes, format!(r#"{{"a": [{{"prefix": {{"{long}": 1}}}}]}}"#)),
    ];
    for (scope, json) in policies {
        let error = error(scope, &json).to_string();
        assert!(error.contains('…') && error.chars().count() < 400, "{} characters", error.chars().count());
    }
}

#[test]
fn the_first_broken_rule_is_the_one_that_is_told() {
    let error = error(Attributes, r#"{"a": [1], "b": [], "c": 5}"#);
    assert_eq!(error.path, "$.b");
}

#[test]
fn an_error_reads_as_a_sentence() {
    let error = error(Attributes, r#"{"price": [{"numeric": [">", "20"]}]}"#);
    assert_eq!(error.to_string(), r#"$.price[0].numeric[1]: is "20": Value of > must be numeric"#);
    let invalid = types::Invalid::from(error);
    assert_eq!(invalid.field, "filter_policy.json");
    assert_eq!(invalid.reason, r#"$.price[0].numeric[1] is "20": Value of > must be numeric"#);
}
