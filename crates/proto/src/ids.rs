//! The texts of identifiers, from the numbers that a `DeliveryBlock` has in their stead.

use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};

/// The ack ID of a delivery.
pub fn ack_id_text(subscription_uid: u64, sequence: u64, lease: u64) -> String {
    BASE64URL_NOPAD.encode(&raw::<24>([subscription_uid, sequence, lease]))
}

/// The ID of a message.
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
            assert_eq!(ack_id_text(numbers.0, numbers.1, numbers.2), text);
        }
        assert_eq!(message_id_text(1, 2), "00000000000020000000000008");
    }
}
