use std::time::Duration;

use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::push::key::{Key, Unverified, verify};

/// Of the reference libraries' own tests (standard-webhooks/standard-webhooks).
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SECONDS: u64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const V1A: &str =
    "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==";
const SEED: &[u8; 32] = b"TESTSIGNINGKEYDONOTUSETHISFORANY";
const TOLERANCE: Duration = Duration::from_secs(300);

fn public() -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(SEED).unwrap();
    format!("whpk_{}", data_encoding::BASE64.encode(pair.public_key().as_ref()))
}

fn keys(secrets: &[&str]) -> Vec<Arc<Key>> {
    secrets.iter().map(|secret| Arc::new(Key::read(secret).unwrap())).collect()
}

fn signed(signature: &str) -> http::HeaderMap {
    let request = with(Request::new(()), "webhook-id", ID);
    let request = with(request, "webhook-timestamp", &SECONDS.to_string());
    with(request, "webhook-signature", signature).headers().clone()
}

fn verdict(secret: &str, signature: &str) -> Result<(), Unverified> {
    verify(&keys(&[secret]), &signed(signature), BODY, SECONDS, TOLERANCE)
}

#[test]
fn signatures_of_the_reference_libraries_verify() {
    assert_eq!(verdict(SECRET, V1), Ok(()));
    assert_eq!(verdict(&public(), V1A), Ok(()));
}

#[test]
fn the_documents_examples_verify_and_so_do_its_requests_for_consent() {
    for request in MODES.into_iter().flat_map(|mode| [delivery(mode), question(mode)]) {
        let (parts, body) = whole(request);
        assert_eq!(verify(&keys(&[SECRET]), &parts.headers, &body, NOW, TOLERANCE), Ok(()), "{parts:?}");
    }
}

#[test]
fn any_secret_and_any_signature_of_several_will_do() {
    let other = format!("whsec_{}", data_encoding::BASE64.encode(&[7; 24]));
    for given in [[other.as_str(), SECRET], [SECRET, other.as_str()]] {
        for signature in [format!("v1,AAAA {V1}"), format!("{V1} {V1A}"), format!("v2,? junk {V1}")] {
            assert_eq!(verify(&keys(&given), &signed(&signature), BODY, SECONDS, TOLERANCE), Ok(()));
        }
    }
    assert_eq!(verdict(&other, V1), Err(Unverified::Signature));
}

#[test]
fn a_signature_counts_for_its_own_version_only() {
    let swapped = (V1.replace("v1,", "v1a,"), V1A.replace("v1a,", "v1,"));
    assert_eq!(verdict(SECRET, &swapped.0), Err(Unverified::Signature));
    assert_eq!(verdict(&public(), &swapped.1), Err(Unverified::Signature));
}

#[test]
fn so_many_signatures_are_looked_at_and_no_more() {
    let behind = |junk: usize| format!("{}{V1}", "v1,AAAA ".repeat(junk));
    assert_eq!(verdict(SECRET, &behind(15)), Ok(()));
    assert_eq!(verdict(SECRET, &behind(16)), Err(Unverified::Signature));
}

#[test]
fn a_signature_is_good_until_the_tolerance_is_over_in_both_directions() {
    let at = |now| verify(&keys(&[SECRET]), &signed(V1), BODY, now, TOLERANCE);
    for (now, expected) in [
        (SECONDS - 300, Ok(())),
        (SECONDS + 300, Ok(())),
        (SECONDS - 301, Err(Unverified::Time)),
        (SECONDS + 301, Err(Unverified::Time)),
    ] {
        assert_eq!(at(now), expected, "{now}");
    }
}

#[test]
fn what_is_missing_empty_or_there_twice_does_not_verify() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = signed(V1);
        headers.append(name, headers[name].clone());
        let of = |headers: &http::HeaderMap| verify(&keys(&[SECRET]), headers, BODY, SECONDS, TOLERANCE);
        assert_eq!(of(&headers), Err(Unverified::Header(name)));
        headers.insert(name, HeaderValue::from_static(""));
        assert_eq!(of(&headers), Err(Unverified::Header(name)));
        headers.remove(name);
        assert_eq!(of(&headers), Err(Unverified::Header(name)));
    }
    let mut headers = signed(V1);
    headers.insert("webhook-timestamp", HeaderValue::from_static("soon"));
    assert_eq!(verify(&keys(&[SECRET]), &headers, BODY, SECONDS, TOLERANCE), Err(Unverified::Timestamp));
}

#[test]
fn what_is_no_secret_is_refused_without_being_shown() {
    let of =
        |prefix: &str, bytes: usize| format!("{prefix}{}", data_encoding::BASE64.encode(&vec![7; bytes]));
    for (secret, why) in [
        (String::new(), "begins with neither"),
        (of("", 32), "begins with neither"),
        (of("whsk_", 32), "stays with the broker"),
        ("whsec_***secret***".into(), "no base64"),
        ("whpk_***secret***".into(), "no base64"),
        (of("whsec_", 23), "of 23 bytes"),
        (of("whsec_", 65), "of 65 bytes"),
        (of("whpk_", 31), "of 31 bytes"),
    ] {
        let endpoint = Endpoint::new(|_| async { Answer::Taken }).signing_secret(&secret);
        let refusal = endpoint.unwrap_err().to_string();
        assert!(refusal.contains(why), "{secret}: {refusal}");
        assert!(secret.len() < 12 || !refusal.contains(&secret[8..]), "{refusal}");
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let endpoint = Endpoint::new(|_| async { Answer::Taken }).signing_secret(SECRET).unwrap();
    let endpoint = endpoint.signing_secret(public()).unwrap();
    assert_eq!(format!("{endpoint:?}"), "Endpoint { desk: Desk { keys: [Key(v1), Key(v1a)], .. }, .. }");
}

proptest! {
    #[test]
    fn whatever_comes_as_a_signature_is_no_panic_and_does_not_verify(signature in "[ -~]{0,200}", body: Vec<u8>) {
        let keys = keys(&[SECRET, &public()]);
        prop_assert!(verify(&keys, &signed(&signature), &body, SECONDS, TOLERANCE).is_err());
    }

    #[test]
    fn a_body_that_was_changed_does_not_verify(at in 0..BODY.len(), flip in 1_u8..=255) {
        let mut body = BODY.to_vec();
        body[at] ^= flip;
        for (secret, signature) in [(SECRET.to_owned(), V1), (public(), V1A)] {
            let verdict = verify(&keys(&[&secret]), &signed(signature), &body, SECONDS, TOLERANCE);
            prop_assert_eq!(verdict, Err(Unverified::Signature));
        }
    }
}
