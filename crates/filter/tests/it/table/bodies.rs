//! Bodies: nested keys, lists of objects, and what is no body.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        source: "SNS: string value matching, exact, on a body",
        policy: r#"{"customer_interests": ["rugby", "tennis"]}"#,
        matches: &[
            r#"{"customer_interests": "rugby"}"#,
            r#" {"x": {"y": []}, "customer_interests": ["golf", "tennis"]} "#,
        ],
        fails: &[r#"{"customer_interests": "baseball"}"#, r#"{"x": {"customer_interests": "rugby"}}"#],
    },
    Case {
        source: "SNS: payload-based filtering, nested keys",
        policy: r#"{"store": {"city": ["berlin", {"prefix": "ham"}], "open": [true]}, "price": [{"numeric": ["<", 10]}]}"#,
        matches: &[
            r#"{"store": {"city": "berlin", "open": true}, "price": 9.99}"#,
            r#"{"price": -1, "store": {"open": true, "city": "hamburg", "more": [{}]}}"#,
        ],
        fails: &[
            r#"{"store": {"city": "paris", "open": true}, "price": 9.99}"#,
            r#"{"store": {"city": "berlin", "open": "true"}, "price": 9.99}"#,
            r#"{"store": {"city": "berlin"}, "price": 9.99}"#,
            r#"{"city": "berlin", "open": true, "price": 9.99}"#,
        ],
    },
    Case {
        source: "reference 7: a.b is a nested b, in the policy",
        policy: r#"{"store.city": ["berlin"]}"#,
        matches: &[r#"{"store": {"city": "berlin"}}"#, r#"{"store.city": "berlin"}"#],
        fails: &[r#"{"store": "berlin"}"#, r#"{"city": "berlin"}"#],
    },
    Case {
        source: "reference 7: a.b is a nested b, in the body",
        policy: r#"{"a": {"b": {"c": [1]}}}"#,
        matches: &[
            r#"{"a.b.c": 1}"#,
            r#"{"a.b": {"c": 1}}"#,
            r#"{"a": {"b.c": 1}}"#,
            r#"{"a": {"x": 0}, "a.b.c": 1}"#,
        ],
        fails: &[r#"{"a.b.c": 2}"#, r#"{"a.b": 1}"#],
    },
    Case {
        source: "ours: of a key twice the last counts, objects are merged",
        policy: r#"{"a": [1]}"#,
        matches: &[r#"{"a": 2, "a": 1}"#],
        fails: &[r#"{"a": 1, "a": 2}"#, r#"{"a": 1, "a": {}}"#],
    },
    Case {
        source: "SNS: payload-based filtering, the body must be an object",
        policy: r#"{"a": [{"exists": false}]}"#,
        matches: &["{}", r#"{"b": 1}"#],
        fails: &["", "null", "1", r#""text""#, "[]", r#"[{"b": 1}]"#, "{", "{} x", r#"{"b": }"#],
    },
    Case {
        source: "reference 6: the whole body is checked, not only what is asked for",
        policy: r#"{"a": [1]}"#,
        matches: &[r#"{"a": 1, "b": {"c": [1, "\u00e9", {}]}}"#],
        fails: &[
            r#"{"a": 1, "b": tru}"#,
            r#"{"a": 1, "b": "\ud800"}"#,
            r#"{"a": 1, "b": [1,]}"#,
            r#"{"a": 1, "b": 1e999}"#,
            r#"{"a": 1} {"a": 1}"#,
        ],
    },
    Case {
        source: "event-ruler README: exists works on leaves",
        policy: r#"{"detail": {"c-count": [{"exists": true}]}}"#,
        matches: &[
            r#"{"detail": {"c-count": 0}}"#,
            r#"{"detail": {"c-count": null}}"#,
            r#"{"detail": {"c-count": [[1]]}}"#,
        ],
        fails: &[
            r#"{"detail": {"c-count": {"c1": 100}}}"#,
            r#"{"detail": {"c-count": []}}"#,
            r#"{"detail": 1}"#,
            r#"{"c-count": 0}"#,
        ],
    },
    Case {
        source: "event-ruler README: exists false works on leaves",
        policy: r#"{"detail": {"c-count": [{"exists": false}]}}"#,
        matches: &[
            r#"{"detail": {"state": "running"}}"#,
            r#"{"detail": {"c-count": {"c1": 100}}}"#,
            r#"{"detail": {"c-count": []}}"#,
            r#"{"detail": "x"}"#,
            r#"{}"#,
        ],
        fails: &[
            r#"{"detail": {"c-count": 1}}"#,
            r#"{"detail": {"c-count": null}}"#,
            r#"{"detail": {"c-count": ["", {}]}}"#,
        ],
    },
    Case {
        source: "SNS: filter policy constraints, true, false and null",
        policy: r#"{"a": [true], "b": [null], "c": [false]}"#,
        matches: &[r#"{"a": true, "b": null, "c": false}"#],
        fails: &[
            r#"{"a": "true", "b": null, "c": false}"#,
            r#"{"a": true, "c": false}"#,
            r#"{"a": true, "b": null, "c": 0}"#,
        ],
    },
    Case {
        source: "reference 7: anything-but needs the key, any element suffices",
        policy: r#"{"a": [{"anything-but": ["rugby", "tennis"]}]}"#,
        matches: &[r#"{"a": ["rugby", "baseball"]}"#, r#"{"a": 1}"#, r#"{"a": null}"#, r#"{"a": false}"#],
        fails: &[
            r#"{"a": ["rugby", "tennis"]}"#,
            r#"{}"#,
            r#"{"a": []}"#,
            r#"{"a": {}}"#,
            r#"{"a": [[], {"b": 1}]}"#,
        ],
    },
    Case {
        source: "event-ruler README: array consistency",
        policy: r#"{"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}"#,
        matches: &[
            r#"{"employees": [{"firstName": "Bob", "lastName": "Smith"}, {"firstName": "Anna", "lastName": "Jones"}]}"#,
            r#"{"employees": {"firstName": "Anna", "lastName": "Jones"}}"#,
            r#"{"employees": [1, [{"lastName": "Jones", "firstName": ["Bob", "Anna"]}]]}"#,
        ],
        fails: &[
            r#"{"employees": [{"firstName": "Anna", "lastName": "Smith"}, {"firstName": "Bob", "lastName": "Jones"}]}"#,
            r#"{"employees": [{"firstName": "Anna"}, {"lastName": "Jones"}]}"#,
        ],
    },
    Case {
        source: "reference 7: array consistency with dotted keys",
        policy: r#"{"items.sku": ["a"], "items.qty": [{"numeric": [">", 5]}]}"#,
        matches: &[r#"{"items": [{"sku": "b", "qty": 1}, {"sku": "a", "qty": 6}]}"#],
        fails: &[r#"{"items": [{"sku": "b", "qty": 6}, {"sku": "a", "qty": 1}]}"#],
    },
    Case {
        source: "reference 6: array consistency, lists in lists of objects",
        policy: r#"{"orders": {"items": {"sku": ["a"], "qty": [1]}, "paid": [true]}}"#,
        matches: &[
            r#"{"orders": [{"paid": false, "items": [{"sku": "a", "qty": 1}]}, {"paid": true, "items": [{"sku": "b"}, {"sku": "a", "qty": 1}]}]}"#,
        ],
        fails: &[
            r#"{"orders": [{"paid": false, "items": [{"sku": "a", "qty": 1}]}, {"paid": true, "items": [{"sku": "b"}]}]}"#,
            r#"{"orders": [{"paid": true, "items": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}]}]}"#,
        ],
    },
    Case {
        source: "reference 6: lists that have nothing in common are chosen from separately",
        policy: r#"{"a": {"x": [1]}, "b": {"x": [2]}}"#,
        matches: &[r#"{"a": [{"x": 0}, {"x": 1}], "b": [{"x": 2}, {"x": 0}]}"#],
        fails: &[r#"{"a": [{"x": 1}], "b": [{"x": 0}]}"#],
    },
    Case {
        source: "event-ruler: an element may be asked for by two lists in it",
        policy: r#"{"a": {"x": [1], "y": {"z": [2]}}}"#,
        matches: &[r#"{"a": [{"x": 1, "y": [{"z": 1}, {"z": 2}]}, {"x": 0}]}"#],
        fails: &[r#"{"a": [{"x": 1, "y": {"z": 1}}, {"x": 0, "y": {"z": 2}}]}"#],
    },
    Case {
        source: "reference 7: exists false means absent anywhere, over lists of objects",
        policy: r#"{"items": {"sku": ["a"], "gift": [{"exists": false}]}}"#,
        matches: &[r#"{"items": [{"sku": "a"}, {"sku": "b"}]}"#],
        fails: &[
            r#"{"items": [{"sku": "a"}, {"sku": "b", "gift": 1}]}"#,
            r#"{"items": [{"sku": "a", "gift": null}]}"#,
        ],
    },
    Case {
        source: "ours: a value or absence, over lists of objects",
        policy: r#"{"items": {"sku": ["a"], "gift": [true, {"exists": false}]}}"#,
        matches: &[
            r#"{"items": [{"sku": "a"}]}"#,
            r#"{"items": [{"sku": "a", "gift": true}, {"sku": "b", "gift": false}]}"#,
        ],
        fails: &[
            r#"{"items": [{"sku": "a"}, {"sku": "b", "gift": true}]}"#,
            r#"{"items": [{"sku": "a", "gift": false}]}"#,
        ],
    },
    Case {
        source: "ours: a list in a list is part of it",
        policy: r#"{"a": [1]}"#,
        matches: &[r#"{"a": [[2], [[1]]]}"#],
        fails: &[r#"{"a": [[2], [{"a": 1}]]}"#],
    },
    Case {
        source: "reference 7: 100 is not \"100\", 301.5 is 3.015e2, on a body",
        policy: r#"{"a": [100, 301.5]}"#,
        matches: &[r#"{"a": 100}"#, r#"{"a": 3.015e2}"#, r#"{"a": 1e2}"#],
        fails: &[r#"{"a": "100"}"#, r#"{"a": 301}"#],
    },
    Case {
        source: "reference 7: escapes are read before comparing",
        policy: r#"{"gr\u00f6\u00dfe": ["a\"b", {"prefix": "\n"}]}"#,
        matches: &[r#"{"größe": "a\u0022b"}"#, r#"{"gr\u00f6\u00dfe": "\nx"}"#],
        fails: &[r#"{"größe": "ab"}"#, r#"{"größe": "\\n"}"#],
    },
    Case {
        source: "event-ruler README: the complex example, shortened",
        policy: r#"{"time": [{"prefix": "2017-10-02"}], "detail": {"state": [{"anything-but": "initializing"}],
            "c-count": [{"numeric": [">", 0, "<=", 5]}], "x-limit": [{"anything-but": [100, 200, 300]}], "source-ip": [{"cidr": "10.0.0.0/8"}]}}"#,
        matches: &[
            r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
        ],
        fails: &[
            r#"{"time": "2017-10-03T16:24:49Z", "detail": {"state": "running", "c-count": 5, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
            r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "initializing", "c-count": 5, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
            r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 6, "x-limit": 301.8, "source-ip": "10.0.0.33"}}"#,
            r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "x-limit": 200, "source-ip": "10.0.0.33"}}"#,
            r#"{"time": "2017-10-02T16:24:49Z", "detail": {"state": "running", "c-count": 5, "x-limit": 301.8, "source-ip": "11.0.0.33"}}"#,
        ],
    },
    Case {
        source: "ours: the same attribute names do not help a body policy",
        policy: r#"{"a": ["x"]}"#,
        matches: &[r#"{"a": "x"}"#],
        fails: &[r#"{"MessageAttributes": {"a": "x"}}"#],
    },
];
