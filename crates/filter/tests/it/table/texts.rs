//! Conditions on texts, over attributes.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        source: "SNS: string value matching, exact",
        policy: r#"{"customer_interests": ["rugby", "tennis"]}"#,
        matches: &[
            r#"{"customer_interests": "rugby"}"#,
            r#"{"customer_interests": "tennis"}"#,
            r#"{"customer_interests": ["rugby", "tennis"]}"#,
        ],
        fails: &[r#"{"customer_interests": "baseball"}"#, r#"{"customer_interests": ["baseball"]}"#],
    },
    Case {
        source: "SNS: filter policy constraints, comparison is case-sensitive",
        policy: r#"{"a": ["Rugby"]}"#,
        matches: &[r#"{"a": "Rugby"}"#],
        fails: &[r#"{"a": "rugby"}"#, r#"{"a": "Rugby "}"#, r#"{"a": "Rugb"}"#, r#"{"a": ""}"#],
    },
    Case {
        source: "SNS: string value matching, prefix",
        policy: r#"{"customer_interests": [{"prefix": "bas"}]}"#,
        matches: &[
            r#"{"customer_interests": "baseball"}"#,
            r#"{"customer_interests": "basketball"}"#,
            r#"{"customer_interests": "bas"}"#,
            r#"{"customer_interests": ["rugby", "baseball"]}"#,
        ],
        fails: &[
            r#"{"customer_interests": "rugby"}"#,
            r#"{"customer_interests": "Baseball"}"#,
            r#"{"customer_interests": "ba"}"#,
            r#"{"customer_interests": "cubas"}"#,
        ],
    },
    Case {
        source: "SNS: string value matching, suffix",
        policy: r#"{"customer_interests": [{"suffix": "ball"}]}"#,
        matches: &[
            r#"{"customer_interests": "baseball"}"#,
            r#"{"customer_interests": "basketball"}"#,
            r#"{"customer_interests": "ball"}"#,
        ],
        fails: &[
            r#"{"customer_interests": "rugby"}"#,
            r#"{"customer_interests": "balls"}"#,
            r#"{"customer_interests": "BALL"}"#,
        ],
    },
    Case {
        source: "SNS: string value matching, equals-ignore-case",
        policy: r#"{"customer_interests": [{"equals-ignore-case": "tennis"}]}"#,
        matches: &[
            r#"{"customer_interests": "TENNIS"}"#,
            r#"{"customer_interests": "Tennis"}"#,
            r#"{"customer_interests": "tennis"}"#,
        ],
        fails: &[r#"{"customer_interests": "tennis "}"#, r#"{"customer_interests": "table tennis"}"#],
    },
    Case {
        source: "ours: case is folded character by character, as Unicode says",
        policy: r#"{"a": [{"equals-ignore-case": "ÉCOLE"}, {"equals-ignore-case": "straße"}]}"#,
        matches: &[r#"{"a": "école"}"#, r#"{"a": "ÉcolE"}"#, r#"{"a": "STRAßE"}"#],
        fails: &[r#"{"a": "ecole"}"#, r#"{"a": "STRASSE"}"#],
    },
    Case {
        source: "SNS: string value matching, wildcard",
        policy: r#"{"customer_interests": [{"wildcard": "*ball"}]}"#,
        matches: &[
            r#"{"customer_interests": "baseball"}"#,
            r#"{"customer_interests": "basketball"}"#,
            r#"{"customer_interests": "ball"}"#,
        ],
        fails: &[r#"{"customer_interests": "rugby"}"#, r#"{"customer_interests": "ballroom"}"#],
    },
    Case {
        source: "event-ruler README: a pattern may have no wildcard or many",
        policy: r#"{"a": [{"wildcard": "Simple*Service"}, {"wildcard": "exact"}, {"wildcard": "1*2*3"}]}"#,
        matches: &[
            r#"{"a": "SimpleService"}"#,
            r#"{"a": "Simple Queue Service"}"#,
            r#"{"a": "exact"}"#,
            r#"{"a": "123"}"#,
            r#"{"a": "1-2-2-3"}"#,
        ],
        fails: &[r#"{"a": "Simple Service!"}"#, r#"{"a": "exactly"}"#, r#"{"a": "13"}"#, r#"{"a": "1232"}"#],
    },
    Case {
        source: "event-ruler README: a star and a backslash are escaped with a backslash",
        policy: r#"{"a": [{"wildcard": "\\**\\\\"}]}"#,
        matches: &[r#"{"a": "*\\"}"#, r#"{"a": "* and \\"}"#],
        fails: &[r#"{"a": "x\\"}"#, r#"{"a": "*"}"#, r#"{"a": "\\**\\\\x"}"#],
    },
    Case {
        source: "event-ruler: one star is any text",
        policy: r#"{"a": [{"wildcard": "*"}]}"#,
        matches: &[r#"{"a": ""}"#, r#"{"a": "anything"}"#],
        fails: &[r#"{"a": 5}"#, r#"{"b": "x"}"#],
    },
    Case {
        source: "reference 4: what event-ruler gets wrong, a wildcard beside equals-ignore-case",
        policy: r#"{"a": [{"wildcard": "*y*"}, {"equals-ignore-case": "x"}]}"#,
        matches: &[r#"{"a": "xylophone"}"#, r#"{"a": "X"}"#],
        fails: &[r#"{"a": "zebra"}"#],
    },
    Case {
        source: "reference 4: what event-ruler gets wrong, a range between two texts",
        policy: r#"{"a": ["x", {"numeric": [">=", -1]}, "X"]}"#,
        matches: &[r#"{"a": "x"}"#, r#"{"a": "X"}"#, r#"{"a": -1}"#],
        fails: &[r#"{"a": "y"}"#, r#"{"a": -2}"#],
    },
    Case {
        source: "reference, head: what quamina gets wrong, a prefix before a longer text",
        policy: r#"{"a": [{"prefix": "ab"}, "abc"]}"#,
        matches: &[r#"{"a": "ab"}"#, r#"{"a": "abd"}"#, r#"{"a": "abc"}"#],
        fails: &[r#"{"a": "a"}"#],
    },
    Case {
        source: "EventBridge: prefix and suffix, ignoring case",
        policy: r#"{"service": [{"prefix": {"equals-ignore-case": "EventB"}}, {"suffix": {"equals-ignore-case": ".Png"}}]}"#,
        matches: &[
            r#"{"service": "EVENTBRIDGE"}"#,
            r#"{"service": "eventb"}"#,
            r#"{"service": "a.PNG"}"#,
            r#"{"service": "a.png"}"#,
        ],
        fails: &[r#"{"service": "event"}"#, r#"{"service": "a.pn"}"#],
    },
    Case {
        source: "event-ruler: an empty prefix is every text's",
        policy: r#"{"a": [{"prefix": ""}]}"#,
        matches: &[r#"{"a": ""}"#, r#"{"a": "x"}"#],
        fails: &[r#"{"a": 1}"#, r#"{"a": [null]}"#],
    },
    Case {
        source: "EventBridge: the empty text is a value",
        policy: r#"{"LastName": [""]}"#,
        matches: &[r#"{"LastName": ""}"#],
        fails: &[r#"{"LastName": " "}"#, r#"{"LastName": [null]}"#, r#"{"x": ""}"#],
    },
    Case {
        source: "event-ruler: exactly",
        policy: r#"{"a": [{"exactly": "x"}]}"#,
        matches: &[r#"{"a": "x"}"#],
        fails: &[r#"{"a": "xx"}"#],
    },
    Case {
        source: "SNS: string value matching, anything-but",
        policy: r#"{"customer_interests": [{"anything-but": ["rugby", "tennis"]}]}"#,
        matches: &[
            r#"{"customer_interests": "baseball"}"#,
            r#"{"customer_interests": "football"}"#,
            r#"{"customer_interests": ["rugby", "baseball"]}"#,
        ],
        fails: &[
            r#"{"customer_interests": "rugby"}"#,
            r#"{"customer_interests": ["rugby"]}"#,
            r#"{"customer_interests": ["tennis", "rugby"]}"#,
        ],
    },
    Case {
        source: "reference 7: anything-but needs the key; a list of texts accepts numbers and null",
        policy: r#"{"a": [{"anything-but": ["x", "y"]}]}"#,
        matches: &[r#"{"a": 5}"#, r#"{"a": [null]}"#, r#"{"a": [true]}"#, r#"{"a": "X"}"#, r#"{"a": ""}"#],
        fails: &[r#"{"b": "z"}"#, r#"{"a": [], "b": 1}"#, r#"{"a": {}, "b": 1}"#],
    },
    Case {
        source: "SNS: string value matching, anything-but with a prefix",
        policy: r#"{"event": [{"anything-but": {"prefix": "order-"}}]}"#,
        matches: &[r#"{"event": "data-entry"}"#, r#"{"event": "order_number"}"#, r#"{"event": 7}"#],
        fails: &[r#"{"event": "order-cancelled"}"#, r#"{"event": "order-"}"#, r#"{"x": "data-entry"}"#],
    },
    Case {
        source: "SNS: string value matching, anything-but with a wildcard",
        policy: r#"{"event": [{"anything-but": {"wildcard": "*ball"}}]}"#,
        matches: &[r#"{"event": "rugby"}"#, r#"{"event": "balls"}"#],
        fails: &[r#"{"event": "baseball"}"#, r#"{"event": "ball"}"#],
    },
    Case {
        source: "EventBridge: anything-but with a suffix, or ignoring case, or with lists",
        policy: r#"{"a": [{"anything-but": {"suffix": [".png", ".jpg"]}}], "b": [{"anything-but": {"equals-ignore-case": ["init", "Stop"]}}]}"#,
        matches: &[r#"{"a": "x.gif", "b": "run"}"#, r#"{"a": "x.PNG", "b": "initial"}"#],
        fails: &[
            r#"{"a": "x.png", "b": "run"}"#,
            r#"{"a": "x.jpg", "b": "run"}"#,
            r#"{"a": "x.gif", "b": "INIT"}"#,
            r#"{"a": "x.gif", "b": "stop"}"#,
        ],
    },
    Case {
        source: "ours: what anything-but takes may ignore case as well",
        policy: r#"{"a": [{"anything-but": {"prefix": [{"equals-ignore-case": "EU-"}, "us-"]}}]}"#,
        matches: &[r#"{"a": "ap-1"}"#, r#"{"a": "US-1"}"#],
        fails: &[r#"{"a": "eu-1"}"#, r#"{"a": "Eu-1"}"#, r#"{"a": "us-1"}"#],
    },
    Case {
        source: "SNS: string value matching, IP address",
        policy: r#"{"source_ip": [{"cidr": "10.0.0.0/24"}]}"#,
        matches: &[
            r#"{"source_ip": "10.0.0.0"}"#,
            r#"{"source_ip": "10.0.0.255"}"#,
            r#"{"source_ip": ["x", "10.0.0.7"]}"#,
        ],
        fails: &[
            r#"{"source_ip": "10.1.1.0"}"#,
            r#"{"source_ip": "10.0.0.256"}"#,
            r#"{"source_ip": "10.0.0.0/24"}"#,
            r#"{"source_ip": "host"}"#,
        ],
    },
    Case {
        source: "reference 7: any spelling of IPv6",
        policy: r#"{"ip": [{"cidr": "2001:db8::/32"}]}"#,
        matches: &[
            r#"{"ip": "2001:db8::1"}"#,
            r#"{"ip": "2001:0DB8:0:0:0:0:0:1"}"#,
            r#"{"ip": "2001:db8::10.0.0.1"}"#,
        ],
        fails: &[r#"{"ip": "2001:db9::1"}"#, r#"{"ip": "10.0.0.1"}"#, r#"{"ip": "[2001:db8::1]"}"#],
    },
    Case {
        source: "reference 7: host bits are masked (event-ruler)",
        policy: r#"{"ip": [{"cidr": "10.1.2.3/8"}, {"cidr": "fd00::ff/120"}]}"#,
        matches: &[r#"{"ip": "10.0.0.0"}"#, r#"{"ip": "10.255.255.255"}"#, r#"{"ip": "fd00::1"}"#],
        fails: &[r#"{"ip": "11.0.0.0"}"#, r#"{"ip": "fd00::100"}"#],
    },
    Case {
        source: "ours: one address, and all of them",
        policy: r#"{"one": [{"cidr": "10.0.0.1/32"}], "all": [{"cidr": "0.0.0.0/0"}]}"#,
        matches: &[r#"{"one": "10.0.0.1", "all": "255.255.255.255"}"#],
        fails: &[r#"{"one": "10.0.0.2", "all": "1.1.1.1"}"#, r#"{"one": "10.0.0.1", "all": "::1"}"#],
    },
    Case {
        source: "ours: an IPv4-mapped address is the IPv4 address",
        policy: r#"{"ip": [{"cidr": "10.0.0.0/8"}, {"cidr": "::ffff:192.168.0.0/112"}]}"#,
        matches: &[r#"{"ip": "::ffff:10.1.2.3"}"#, r#"{"ip": "::ffff:a01:203"}"#, r#"{"ip": "192.168.1.2"}"#],
        fails: &[r#"{"ip": "::ffff:11.1.2.3"}"#, r#"{"ip": "192.169.1.2"}"#, r#"{"ip": "::10.1.2.3"}"#],
    },
    Case {
        source: "reference 7: ours, values are compared as they are, quotes and backslashes too",
        policy: r#"{"a": ["say \"hi\" \\ bye\n\u00e9"]}"#,
        matches: &[r#"{"a": "say \u0022hi\u0022 \\ bye\né"}"#],
        fails: &[r#"{"a": "say \\\"hi\\\" \\\\ bye\né"}"#],
    },
];
