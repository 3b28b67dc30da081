use std::collections::HashSet;

use super::*;

/// So many topics, named by number, each of which published as much as its number.
#[derive(Debug)]
struct Topics(Mutex<std::ops::Range<u32>>);

impl Source for Topics {
    fn observe(&self, into: &mut Snapshot) {
        let range = self.0.lock().clone();
        into.value(&TOPICS, range.len() as f64);
        into.value_by(&PUSH_ENDPOINTS, &[("active", 1.0), ("disabled", 2.0)]);
        for topic in range {
            into.row(Label::Topic, &format!("t{topic}"), &[(&TOPIC_PUBLISHED, topic.into())]);
            let figures = [(&SUBSCRIPTION_BACKLOG, 1.0), (&SUBSCRIPTION_OLDEST_AGE, topic.into())];
            let name = format!("s{topic}");
            let admitted = into.row(Label::Subscription, &name, &figures);
            let reasons = [("body", f64::from(topic)), ("attributes", 0.0)];
            into.by(&SUBSCRIPTION_FILTERED, &name, admitted, &reasons);
            into.by(&SUBSCRIPTION_PUSH_ATTEMPTS, &name, admitted, &[("delivered", topic.into())]);
        }
    }
}

fn metrics_of(limits: &Limits, topics: std::ops::Range<u32>) -> (Metrics, Arc<Topics>) {
    let metrics = Metrics::new(limits, vec![KeyValue::new("service.version", "1.2.3")]).unwrap();
    let source = Arc::new(Topics(Mutex::new(topics)));
    metrics.add_source(source.clone());
    (metrics, source)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[test]
fn a_metric_with_reasons_has_a_series_for_each_also_where_owners_share_one() {
    let (metrics, _) = metrics_of(&Limits { max_subscriptions: 1, ..Limits::default() }, 7..10);
    let text = metrics.render().unwrap();
    let name = "fanfare_subscription_messages_filtered_total";
    let series = |reason: &str, owner: &str, value: u32| {
        let found = text.lines().filter(|line| {
            line.starts_with(name)
                && line.contains(&format!("reason=\"{reason}\""))
                && line.contains(&format!("subscription=\"{owner}\""))
                && line.ends_with(&format!(" {value}"))
        });
        assert_eq!(found.count(), 1, "{reason} {owner} {value}\n{text}");
    };
    series("body", "s7", 7);
    series("attributes", "s7", 0);
    series("body", "other", 17);
}

#[test]
fn the_parts_of_a_value_have_the_label_that_the_metric_says() {
    let (metrics, _) = metrics_of(&Limits::default(), 7..8);
    let text = metrics.render().unwrap();
    assert!(has(&text, "fanfare_push_endpoints{state=\"active\"} 1"), "{text}");
    assert!(has(&text, "fanfare_push_endpoints{state=\"disabled\"} 2"), "{text}");
    let attempts = "fanfare_subscription_push_attempts_total{outcome=\"delivered\",subscription=\"s7\"} 7";
    assert!(has(&text, attempts), "{text}");
}

#[test]
fn a_scrape_shows_name_unit_suffix_label_and_help() {
    let (metrics, _) = metrics_of(&Limits::default(), 7..8);
    let text = metrics.render().unwrap();
    assert!(has(&text, "# TYPE fanfare_topic_messages_published_total counter"), "{text}");
    assert!(
        has(&text, "# HELP fanfare_topic_messages_published_total Messages ever accepted by the topic"),
        "{text}"
    );
    assert!(has(&text, "fanfare_topic_messages_published_total{topic=\"t7\"} 7"), "{text}");
    assert!(has(&text, "fanfare_subscription_oldest_unsettled_age_seconds{subscription=\"s7\"} 7"), "{text}");
    assert!(has(&text, "fanfare_topics 1"), "{text}");
    assert!(has(&text, "target_info{service_name=\"fanfare\",service_version=\"1.2.3\"} 1"), "{text}");
}

#[test]
fn what_is_beyond_the_limit_is_joined_under_other_and_nothing_is_lost() {
    let limits = Limits { max_topics: 2, max_subscriptions: 0 };
    let (metrics, _) = metrics_of(&limits, 1..6);
    let text = metrics.render().unwrap();
    assert!(has(&text, "fanfare_topic_messages_published_total{topic=\"t1\"} 1"), "{text}");
    assert!(has(&text, "fanfare_topic_messages_published_total{topic=\"t2\"} 2"), "{text}");
    assert!(has(&text, "fanfare_topic_messages_published_total{topic=\"other\"} 12"), "{text}");
    assert!(has(&text, "fanfare_subscription_backlog{subscription=\"other\"} 5"), "{text}");
}

#[test]
fn a_topic_that_is_gone_is_not_shown_again() {
    let (metrics, source) = metrics_of(&Limits::default(), 1..3);
    assert!(metrics.render().unwrap().contains("topic=\"t1\""));
    *source.0.lock() = 2..3;
    let text = metrics.render().unwrap();
    assert!(!text.contains("topic=\"t1\"") && text.contains("topic=\"t2\""), "{text}");
}

#[test]
fn as_many_series_as_the_limits_allow_reach_the_scrape() {
    let limits = Limits { max_topics: Limits::MOST, max_subscriptions: Limits::MOST };
    let (metrics, _) = metrics_of(&limits, 0..3_000);
    let text = metrics.render().unwrap();
    let series =
        text.lines().filter(|line| line.starts_with("fanfare_topic_messages_published_total{")).count();
    assert_eq!(series, Limits::MOST + 1);
    assert!(!text.contains("otel_metric_overflow"));
}

#[test]
fn a_limit_beyond_what_the_sdk_keeps_is_refused_by_name() {
    let invalid = Limits { max_topics: 1_901, ..Limits::default() }.validate().unwrap_err();
    assert_eq!(invalid.field, "max_topics");
}

/// The rules of `promtool check metrics`, and OpenTelemetry's on names; the end-to-end suite runs the real promtool.
#[test]
fn every_metric_of_the_catalogue_is_named_by_the_rules() {
    let mut names = HashSet::new();
    for metric in CATALOGUE {
        let name = metric.name;
        assert!(names.insert(name), "{name} is there twice");
        let legal = |c: char| c.is_ascii_lowercase() || c == '.' || c == '_';
        assert!(name.starts_with("fanfare.") && name.chars().all(legal), "{name}: characters");
        let last = name.rsplit(['.', '_']).next().unwrap_or_default();
        let reserved =
            ["total", "count", "sum", "bucket", "info", "seconds", "bytes", "ms", "counter", "gauge"];
        assert!(!reserved.contains(&last), "{name}: the exporter adds type and unit");
        assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{name}: help");
        let base =
            metric.unit.is_empty() || metric.unit.starts_with('{') || ["By", "s"].contains(&metric.unit);
        assert!(base, "{name}: {} is not a base unit", metric.unit);
    }
}
