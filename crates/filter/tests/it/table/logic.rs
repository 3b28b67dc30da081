//! AND, OR and `$or`.

use super::Case;

pub(super) const ATTRIBUTES: &[Case] = &[
    Case {
        source: "SNS: AND/OR logic, AND",
        policy: r#"{"customer_interests": ["rugby"], "price_usd": [{"numeric": [">", 100]}]}"#,
        matches: &[r#"{"customer_interests": "rugby", "price_usd": 101}"#],
        fails: &[
            r#"{"customer_interests": "rugby", "price_usd": 100}"#,
            r#"{"customer_interests": "football", "price_usd": 101}"#,
            r#"{"price_usd": 101}"#,
        ],
    },
    Case {
        source: "SNS: AND/OR logic, OR",
        policy: r#"{"customer_interests": ["rugby", "football", "baseball"]}"#,
        matches: &[r#"{"customer_interests": "football"}"#, r#"{"customer_interests": ["x", "baseball"]}"#],
        fails: &[r#"{"customer_interests": "hockey"}"#],
    },
    Case {
        source: "SNS: AND/OR logic, OR operator",
        policy: r#"{"source": ["aws.cloudwatch"], "$or": [{"metricName": ["CPUUtilization"]}, {"namespace": ["AWS/EC2"]}]}"#,
        matches: &[
            r#"{"source": "aws.cloudwatch", "metricName": "CPUUtilization"}"#,
            r#"{"source": "aws.cloudwatch", "namespace": "AWS/EC2"}"#,
            r#"{"source": "aws.cloudwatch", "metricName": "x", "namespace": "AWS/EC2"}"#,
        ],
        fails: &[
            r#"{"source": "aws.cloudwatch"}"#,
            r#"{"source": "aws.cloudwatch", "metricName": "ReadLatency", "namespace": "AWS/ES"}"#,
            r#"{"metricName": "CPUUtilization", "namespace": "AWS/EC2"}"#,
        ],
    },
    Case {
        source: "event-ruler README: an AND inside an OR",
        policy: r#"{"source": ["s"], "$or": [{"metricName": ["m"]}, {"metricType": ["t"], "namespace": ["n"]}, {"scope": ["Service"]}]}"#,
        matches: &[
            r#"{"source": "s", "metricName": "m"}"#,
            r#"{"source": "s", "metricType": "t", "namespace": "n"}"#,
            r#"{"source": "s", "scope": "Service"}"#,
        ],
        fails: &[
            r#"{"source": "s", "metricType": "t"}"#,
            r#"{"source": "s", "namespace": "n"}"#,
            r#"{"scope": "Service"}"#,
        ],
    },
    Case {
        source: "event-ruler README: an OR inside an OR",
        policy: r#"{"$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}]}"#,
        matches: &[r#"{"a": 1}"#, r#"{"b": 1, "c": 1}"#, r#"{"b": 1, "d": 1}"#],
        fails: &[r#"{"b": 1}"#, r#"{"c": 1, "d": 1}"#, r#"{"b": 2, "c": 1}"#],
    },
    Case {
        source: "ours: the same key beside an OR and in it, both must hold",
        policy: r#"{"a": [{"prefix": "x"}], "$or": [{"a": [{"suffix": "y"}]}, {"b": [1]}]}"#,
        matches: &[r#"{"a": "xy"}"#, r#"{"a": "x", "b": 1}"#, r#"{"a": ["x", "y"]}"#],
        fails: &[r#"{"a": "y"}"#, r#"{"a": "x"}"#, r#"{"b": 1}"#, r#"{"a": "zy", "b": 1}"#],
    },
    Case {
        source: "ours: an OR of presence and absence",
        policy: r#"{"$or": [{"a": [{"exists": false}]}, {"a": ["x"], "b": [{"exists": true}]}]}"#,
        matches: &[r#"{"c": 1}"#, r#"{"a": "x", "b": 0}"#],
        fails: &[r#"{"a": "x"}"#, r#"{"a": "y", "b": 0}"#, "{}"],
    },
    Case {
        source: "event-ruler README: operator names are keys like others outside $or",
        policy: r#"{"prefix": ["x"], "numeric": [1]}"#,
        matches: &[r#"{"prefix": "x", "numeric": 1}"#],
        fails: &[r#"{"prefix": "xy", "numeric": 1}"#],
    },
];

pub(super) const BODIES: &[Case] = &[
    Case {
        source: "event-ruler README: two ORs, one of them further inside",
        policy: r#"{"$or": [{"m": ["CPU", "Read"]}, {"n": ["EC2", "ES"]}], "detail": {"$or": [{"source": ["aws.cloudwatch"]}, {"detail-type": ["Alarm"]}]}}"#,
        matches: &[
            r#"{"m": "CPU", "detail": {"source": "aws.cloudwatch"}}"#,
            r#"{"m": "Read", "detail": {"detail-type": "Alarm"}}"#,
            r#"{"n": "ES", "detail": {"source": "aws.cloudwatch"}}"#,
            r#"{"n": "EC2", "detail": {"detail-type": "Alarm"}}"#,
        ],
        fails: &[
            r#"{"m": "CPU", "detail": {}}"#,
            r#"{"detail": {"source": "aws.cloudwatch"}}"#,
            r#"{"m": "CPU", "source": "aws.cloudwatch"}"#,
        ],
    },
    Case {
        source: "SNS: AND/OR logic, OR operator, on a body",
        policy: r#"{"source": ["aws.cloudwatch"], "$or": [{"metricName": ["CPUUtilization"]}, {"namespace": ["AWS/EC2"]}]}"#,
        matches: &[
            r#"{"source": "aws.cloudwatch", "metricName": "CPUUtilization"}"#,
            r#"{"source": "aws.cloudwatch", "namespace": ["AWS/EC2"]}"#,
        ],
        fails: &[r#"{"source": "aws.cloudwatch", "$or": [{"metricName": "CPUUtilization"}]}"#],
    },
    Case {
        source: "ours: a path asked for in two ways, both must hold",
        policy: r#"{"a.b": [{"prefix": "x"}], "a": {"b": [{"suffix": "y"}]}}"#,
        matches: &[r#"{"a": {"b": "xy"}}"#, r#"{"a": {"b": ["x", "y"]}}"#],
        fails: &[r#"{"a": {"b": "x"}}"#, r#"{"a": {"b": "y"}}"#],
    },
];
