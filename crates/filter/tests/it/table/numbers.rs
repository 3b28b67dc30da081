//! Conditions on numbers, and that types never mix, over attributes.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        source: "SNS: numeric value matching, exact",
        policy: r#"{"price_usd": [{"numeric": ["=", 301.5]}]}"#,
        matches: &[r#"{"price_usd": 301.5}"#, r#"{"price_usd": 3.015e2}"#, r#"{"price_usd": [1, 301.50]}"#],
        fails: &[r#"{"price_usd": 301}"#, r#"{"price_usd": "301.5"}"#, r#"{"price_usd": 301.50001}"#],
    },
    Case {
        source: "SNS: numeric value matching, anything-but",
        policy: r#"{"price": [{"anything-but": [100, 500]}]}"#,
        matches: &[r#"{"price": 101}"#, r#"{"price": 100.1}"#, r#"{"price": [100, 50]}"#],
        fails: &[r#"{"price": 100}"#, r#"{"price": 5e2}"#, r#"{"price": [100, 500.0]}"#],
    },
    Case {
        source: "reference 7: a list of numbers accepts texts and null",
        policy: r#"{"price": [{"anything-but": 100}]}"#,
        matches: &[r#"{"price": "100"}"#, r#"{"price": [null]}"#],
        fails: &[r#"{"price": 100}"#, r#"{"cost": 1}"#],
    },
    Case {
        source: "SNS: numeric value matching, range below",
        policy: r#"{"price_usd": [{"numeric": ["<", 0]}]}"#,
        matches: &[r#"{"price_usd": -0.00001}"#, r#"{"price_usd": -1e9}"#],
        fails: &[
            r#"{"price_usd": 0}"#,
            r#"{"price_usd": -0.0}"#,
            r#"{"price_usd": 1}"#,
            r#"{"price_usd": "-1"}"#,
        ],
    },
    Case {
        source: "SNS: numeric value matching, range between",
        policy: r#"{"price_usd": [{"numeric": [">", 0, "<=", 150]}]}"#,
        matches: &[r#"{"price_usd": 0.00001}"#, r#"{"price_usd": 150}"#, r#"{"price_usd": [0, 75]}"#],
        fails: &[r#"{"price_usd": 0}"#, r#"{"price_usd": 150.00001}"#, r#"{"price_usd": [0, 151]}"#],
    },
    Case {
        source: "event-ruler README: every comparison",
        policy: r#"{"a": [{"numeric": [">=", 5, "<", 6]}], "b": [{"numeric": ["<=", 1]}, {"numeric": [">=", 10]}]}"#,
        matches: &[r#"{"a": 5, "b": 1}"#, r#"{"a": 5.99999, "b": 10}"#, r#"{"a": 5, "b": -5}"#],
        fails: &[
            r#"{"a": 6, "b": 1}"#,
            r#"{"a": 4.99999, "b": 1}"#,
            r#"{"a": 5, "b": 1.5}"#,
            r#"{"a": 5, "b": 9.9}"#,
        ],
    },
    Case {
        source: "ours: a list of values of an attribute fulfils each comparison with one value",
        policy: r#"{"a": [{"numeric": [">", 2, "<", 4]}]}"#,
        matches: &[r#"{"a": [1, 3, 5]}"#],
        fails: &[r#"{"a": [1, 5]}"#],
    },
    Case {
        source: "SNS: filter policy constraints, five decimals up to a billion",
        policy: r#"{"a": [999999999.99999, -999999999.99999, 1000000000]}"#,
        matches: &[r#"{"a": 999999999.99999}"#, r#"{"a": -999999999.99999}"#, r#"{"a": 1e9}"#],
        fails: &[r#"{"a": 999999999.99998}"#, r#"{"a": 999999999}"#],
    },
    Case {
        source: "reference 7: numbers are f64, -0 is 0",
        policy: r#"{"a": [0, 1.000001]}"#,
        matches: &[r#"{"a": -0.0}"#, r#"{"a": 0}"#, r#"{"a": 1.000001}"#],
        fails: &[r#"{"a": 1.0000010000001}"#, r#"{"a": 1e-300}"#],
    },
    Case {
        source: "ours: numbers beyond SNS's range",
        policy: r#"{"a": [1e300, 123456789012], "b": [{"numeric": [">", -1e308]}]}"#,
        matches: &[r#"{"a": 1e300, "b": 1e308}"#, r#"{"a": 123456789012, "b": 0}"#],
        fails: &[r#"{"a": 123456789013, "b": 0}"#, r#"{"a": 1e300, "b": -1e308}"#],
    },
    Case {
        source: "reference 7: the text \"100\" is not the number 100",
        policy: r#"{"a": [100]}"#,
        matches: &[r#"{"a": 100}"#, r#"{"a": 100.0}"#, r#"{"a": ["100", 1e2]}"#],
        fails: &[r#"{"a": "100"}"#, r#"{"a": ["100"]}"#],
    },
    Case {
        source: "reference 7: the text \"100\" is not the number 100, the other way",
        policy: r#"{"a": ["100", {"prefix": "2"}]}"#,
        matches: &[r#"{"a": "100"}"#, r#"{"a": "200"}"#],
        fails: &[r#"{"a": 100}"#, r#"{"a": 200}"#],
    },
    Case {
        source: "SNS: filter policy constraints, the keywords true, false and null",
        policy: r#"{"a": [true, null]}"#,
        matches: &[r#"{"a": [true]}"#, r#"{"a": [null]}"#, r#"{"a": ["x", null]}"#],
        fails: &[r#"{"a": [false]}"#, r#"{"a": "true"}"#, r#"{"a": "null"}"#, r#"{"a": ["true", 1, 0, ""]}"#],
    },
];
