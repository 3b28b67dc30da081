//! The texts of identifiers, from the numbers that a `DeliveryBlock` has in their stead.

use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};

/// Characters of an ack ID.
pub const ACK_ID_CHARS: usize = 32;
/// Characters of a message ID.
pub const MESSAGE_ID_CHARS: usize = 26;

/// The ack ID of a delivery, in ASCII.
pub fn ack_id(subscription_uid: u64, sequence: u64, lease: u64) -> [u8; ACK_ID_CHARS] {
    let mut text = [0; ACK_ID_CHARS];
    BASE64URL_NOPAD.encode_mut(&raw::<24>([subscription_uid, sequence, lease]), &mut text);
    text
}

/// The same as text.
pub fn ack_id_text(subscription_uid: u64, sequence: u64, lease: u64) -> String {
    BASE64URL_NOPAD.encode(&raw::<24>([subscription_uid, sequence, lease]))
}

/// The ID of a message, in ASCII.
pub fn message_id(log: u64, sequence: u64) -> [u8; MESSAGE_ID_CHARS] {
    let mut text = [0; MESSAGE_ID_CHARS];
    BASE32HEX_NOPAD.encode_mut(&raw::<16>([log, sequence]), &mut text);
    text
}

/// The same as text.
pub fn message_id_text(log: u64, sequence: u64) -> String {
    BASE32HEX_NOPAD.encode(&raw::<16>([log, sequence]))
}

fn raw<const BYTES: usize>(numbers: impl IntoIterator<Item = u64>) -> [u8; BYTES] {
    let mut raw = [0; BYTES];
    for (place, number) in raw.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_in_their_order_the_most_significant_byte_first() {
        for (numbers, text) in [
            ((1, 2, 3), "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD"),
            ((u64::MAX, 0, u64::MAX), "__________8AAAAAAAAAAP__________"),
        ] {
            assert_eq!(ack_id(numbers.0, numbers.1, numbers.2), text.as_bytes());
            assert_eq!(ack_id_text(numbers.0, numbers.1, numbers.2), text);
        }
        assert_eq!(message_id(1, 2), *b"00000000000020000000000008");
        assert_eq!(message_id_text(1, 2), "00000000000020000000000008");
    }
}
