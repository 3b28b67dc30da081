use proptest::prelude::*;
use ring::signature::{ED25519, KeyPair as _, UnparsedPublicKey};

use super::*;

/// Of the reference libraries' own tests (standard-webhooks/standard-webhooks: libraries/javascript, libraries/go).
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SECONDS: u64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const HMAC: (&str, &str) =
    ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
const ED25519_KEY: (&str, &str) = (
    "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=",
    "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
);

fn signer(secrets: &[&str]) -> Result<Signer, Invalid> {
    Signer::new(&secrets.iter().map(|text| Secret::new(*text)).collect::<Vec<_>>())
}

fn refusal(secret: &str) -> String {
    signer(&[HMAC.0, secret]).unwrap_err().to_string()
}

#[test]
fn signatures_are_those_of_the_reference_libraries() {
    for (secret, signature) in [HMAC, ED25519_KEY] {
        assert_eq!(signer(&[secret]).unwrap().sign(ID, SECONDS, BODY).unwrap(), signature);
    }
}

#[test]
fn two_secrets_make_two_signatures_in_their_order() {
    let signature = signer(&[ED25519_KEY.0, HMAC.0]).unwrap().sign(ID, SECONDS, BODY).unwrap();
    assert_eq!(signature, format!("{} {}", ED25519_KEY.1, HMAC.1));
}

#[test]
fn without_secrets_there_is_no_signature() {
    assert_eq!(signer(&[]).unwrap().sign(ID, SECONDS, BODY), None);
}

#[test]
fn an_ed25519_secret_may_have_its_public_key_behind_it_but_no_other() {
    let seed = BASE64.decode(&ED25519_KEY.0.as_bytes()["whsk_".len()..]).unwrap();
    let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref().to_vec();
    let both = |public: &[u8]| format!("whsk_{}", BASE64.encode(&[&seed, public].concat()));
    assert_eq!(signer(&[&both(&public)]).unwrap().sign(ID, SECONDS, BODY).unwrap(), ED25519_KEY.1);
    assert!(refusal(&both(&seed)).contains("does not belong to its private key"));
}

#[test]
fn what_is_no_secret_is_refused_with_its_place_and_what_is_wrong() {
    let of = |prefix: &str, bytes: usize| format!("{prefix}{}", BASE64.encode(&vec![7; bytes]));
    for (secret, why) in [
        (String::new(), "must begin with"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), "must begin with"),
        (of("whpk_", 32), "must begin with"),
        ("whsec_".into(), "of 0 bytes"),
        ("whsec_not base64".into(), "must have base64"),
        (of("whsec_", 23), "of 23 bytes"),
        (of("whsec_", 65), "of 65 bytes"),
        (of("whsk_", 31), "of 31 bytes"),
        (of("whsk_", 48), "of 48 bytes"),
    ] {
        let refusal = refusal(&secret);
        assert!(refusal.starts_with("signing_secrets[1]: ") && refusal.contains(why), "{secret}: {refusal}");
        assert!(secret.len() < 12 || !refusal.contains(&secret[8..]), "{refusal} shows the secret");
    }
    for bytes in [24, 64] {
        assert!(signer(&[&of("whsec_", bytes)]).is_ok(), "{bytes} bytes");
    }
}

#[test]
fn a_signer_shows_no_key() {
    assert_eq!(format!("{:?}", signer(&[HMAC.0, ED25519_KEY.0]).unwrap()), "Signer(2 keys)");
}

proptest! {
    #[test]
    fn a_signature_is_good_for_what_was_signed_and_nothing_else(
        key in prop::collection::vec(any::<u8>(), 24..=64),
        seed: [u8; 32],
        seconds: u64,
        body in prop::collection::vec(any::<u8>(), 0..300),
        other in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let secrets =
            [format!("whsec_{}", BASE64.encode(&key)), format!("whsk_{}", BASE64.encode(&seed))];
        let signature = signer(&[&secrets[0], &secrets[1]]).unwrap().sign("id", seconds, &body).unwrap();
        let [v1, v1a]: [_; 2] = signature.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let decode = |text: &str| BASE64.decode(text.as_bytes()).unwrap();
        let (v1, v1a) = (decode(&v1["v1,".len()..]), decode(&v1a["v1a,".len()..]));

        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, public.public_key().as_ref().to_vec());
        for (body, seconds, good) in [
            (&body, seconds, true),
            (&other, seconds, body == other),
            (&body, seconds.wrapping_add(1), false),
        ] {
            let content = [format!("id.{seconds}.").as_bytes(), body].concat();
            prop_assert_eq!(hmac::verify(&key, &content, &v1).is_ok(), good);
            prop_assert_eq!(public.verify(&content, &v1a).is_ok(), good);
        }
    }
}
