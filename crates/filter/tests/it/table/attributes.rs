//! What attributes there are: presence, lists and binary ones.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        source: "SNS: attribute key matching, exists",
        policy: r#"{"store": [{"exists": true}]}"#,
        matches: &[
            r#"{"store": "fans", "customer_interests": ["baseball", "basketball"]}"#,
            r#"{"store": 0}"#,
            r#"{"store": ""}"#,
        ],
        fails: &[r#"{"customer_interests": ["baseball", "basketball"]}"#],
    },
    Case {
        source: "SNS: attribute key matching, exists false",
        policy: r#"{"store": [{"exists": false}]}"#,
        matches: &[r#"{"customer_interests": ["baseball", "basketball"]}"#],
        fails: &[r#"{"store": "fans", "customer_interests": ["baseball"]}"#, r#"{"store": ""}"#],
    },
    Case {
        source: "reference 7: a message without attributes matches nothing, not even exists false",
        policy: r#"{"store": [{"exists": false}]}"#,
        matches: &[r#"{"other": "x"}"#],
        fails: &["{}"],
    },
    Case {
        source: "reference 7: binary attributes are ignored, so one alone is none",
        policy: r#"{"store": [{"exists": false}]}"#,
        matches: &[r#"{"store": {}, "other": "x"}"#, r#"{"image": {}, "other": "x"}"#],
        fails: &[r#"{"store": {}}"#, r#"{"image": {}}"#],
    },
    Case {
        source: "SNS: filter policies, binary attributes are ignored",
        policy: r#"{"image": [{"exists": true}]}"#,
        matches: &[r#"{"image": "x"}"#],
        fails: &[r#"{"image": {}, "other": "x"}"#],
    },
    Case {
        source: "reference 7: an empty list counts as absent",
        policy: r#"{"a": [{"exists": false}]}"#,
        matches: &[r#"{"a": [], "b": 1}"#, r#"{"a": []}"#],
        fails: &[r#"{"a": [""], "b": 1}"#],
    },
    Case {
        source: "reference 7: an empty list counts as absent, the other way",
        policy: r#"{"a": [{"exists": true}]}"#,
        matches: &[r#"{"a": [1]}"#],
        fails: &[r#"{"a": [], "b": 1}"#],
    },
    Case {
        source: "reference 7: null exists (event-ruler)",
        policy: r#"{"a": [{"exists": true}]}"#,
        matches: &[r#"{"a": [null]}"#],
        fails: &[r#"{"b": [null]}"#],
    },
    Case {
        source: "SNS: string value matching, anything-but can be combined with exists false",
        policy: r#"{"a": [{"anything-but": ["x"]}, {"exists": false}]}"#,
        matches: &[r#"{"a": "y"}"#, r#"{"b": 1}"#],
        fails: &[r#"{"a": "x"}"#],
    },
    Case {
        source: "event-ruler: exists false beside a value",
        policy: r#"{"a": ["x", {"exists": false}], "b": [1]}"#,
        matches: &[r#"{"a": "x", "b": 1}"#, r#"{"b": 1}"#, r#"{"a": [], "b": 1}"#],
        fails: &[r#"{"a": "y", "b": 1}"#, r#"{"b": 2}"#, r#"{"a": "x"}"#],
    },
    Case {
        source: "ours: exists true and false together always hold, but not without attributes",
        policy: r#"{"a": [{"exists": true}, {"exists": false}]}"#,
        matches: &[r#"{"a": 1}"#, r#"{"b": 1}"#],
        fails: &["{}"],
    },
    Case {
        source: "SNS: filter policies, any element of a String.Array may match",
        policy: r#"{"a": ["x", 5]}"#,
        matches: &[r#"{"a": ["y", "x"]}"#, r#"{"a": ["y", 5]}"#, r#"{"a": ["x", 5, null]}"#],
        fails: &[r#"{"a": ["y", 6, null, true]}"#, r#"{"a": ["X"]}"#],
    },
    Case {
        source: "SNS: filter policies, names are case-sensitive",
        policy: r#"{"Store": ["x"]}"#,
        matches: &[r#"{"Store": "x"}"#, r#"{"Store": "x", "store": "y"}"#],
        fails: &[r#"{"store": "x"}"#],
    },
    Case {
        source: "ours: a dot in an attribute's name is a character like others",
        policy: r#"{"store.city": ["x"]}"#,
        matches: &[r#"{"store.city": "x"}"#],
        fails: &[r#"{"store": "x"}"#, r#"{"city": "x"}"#],
    },
    Case {
        source: "SNS: filter policies, the example that accepts",
        policy: r#"{"store": ["example_corp"], "event": [{"anything-but": "order_cancelled"}],
            "customer_interests": ["rugby", "football", "baseball"], "price_usd": [{"numeric": [">=", 100]}]}"#,
        matches: &[
            r#"{"customer_interests": ["soccer", "rugby", "hockey"], "store": "example_corp", "event": "order_placed", "price_usd": 210.75}"#,
        ],
        fails: &[
            r#"{"customer_interests": ["soccer", "hockey"], "store": "example_corp", "event": "order_placed", "price_usd": 210.75}"#,
            r#"{"customer_interests": ["rugby"], "store": "example_corp", "event": "order_cancelled", "price_usd": 210.75}"#,
            r#"{"customer_interests": ["rugby"], "store": "example_corp", "event": "order_placed", "price_usd": 99.99}"#,
            r#"{"customer_interests": ["rugby"], "store": "example_corp", "event": "order_placed"}"#,
        ],
    },
    Case {
        source: "SNS: filter policies, the example that rejects",
        policy: r#"{"store": ["example_corp"], "event": ["order_cancelled"], "encrypted": [false], "customer_interests": ["basketball", "baseball"]}"#,
        matches: &[
            r#"{"store": "example_corp", "event": "order_cancelled", "encrypted": [false], "customer_interests": "baseball"}"#,
        ],
        fails: &[
            r#"{"customer_interests": ["soccer", "rugby", "hockey"], "store": "example_corp", "event": "order_placed", "price_usd": 210.75}"#,
        ],
    },
];
