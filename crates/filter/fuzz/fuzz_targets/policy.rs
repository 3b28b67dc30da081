#![no_main]

use filter::{Attribute, Content, Policy, Scalar};
use types::FilterScope;

// Any text is read the same way twice, and what is read can be asked about any message; errors stay short. Nothing may panic.
libfuzzer_sys::fuzz_target!(|text: &str| {
    for scope in [FilterScope::Attributes, FilterScope::Body] {
        let policy = Policy::parse(scope, text);
        assert_eq!(policy, Policy::parse(scope, text));
        match policy {
            Ok(policy) => ask(&policy, text),
            Err(error) => assert!(error.reason.len() < 2_000, "{} bytes", error.reason.len()),
        }
    }
});

/// The policy's own text is as good a message as any: its keys are those that the policy asks for.
fn ask(policy: &Policy, text: &str) {
    let attributes =
        [("a", Attribute::Scalar(Scalar::String(text.into()))), ("b", Attribute::Array(vec![Scalar::Null]))];
    for body in [text, "{}", "[", ""] {
        let content = Content { attributes: &attributes, body: body.as_bytes() };
        assert_eq!(policy.explain(&content).is_empty(), policy.matches(&content));
    }
}
