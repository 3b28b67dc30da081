#![no_main]

use types::{AckId, MessageId, ProjectId, SubscriptionName, TopicName};

// What parses must come back from its own text, and nothing may panic.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<TopicName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    if let Ok(name) = text.parse::<SubscriptionName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
    if let Ok(project) = text.parse::<ProjectId>() {
        assert_eq!(project.to_string().parse(), Ok(project));
    }
    if let Ok(id) = text.parse::<MessageId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = text.parse::<AckId>() {
        assert_eq!(id.to_string(), text);
    }
});
