//! The texts of IDs, from the numbers that deliveries come with. What they are made of, `DeliveryBlock` in the .proto file says.

use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};

/// Settles a delivery.
pub(crate) fn ack_id(subscription_uid: u64, sequence: u64, lease: u64) -> String {
    let mut raw = [0; 24];
    for (to, number) in raw.chunks_exact_mut(8).zip([subscription_uid, sequence, lease]) {
        to.copy_from_slice(&number.to_be_bytes());
    }
    BASE64URL_NOPAD.encode(&raw)
}

/// A message's identity.
pub(crate) fn message_id(log: u64, sequence: u64) -> String {
    let mut raw = [0; 16];
    for (to, number) in raw.chunks_exact_mut(8).zip([log, sequence]) {
        to.copy_from_slice(&number.to_be_bytes());
    }
    BASE32HEX_NOPAD.encode(&raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_in_their_order_the_most_significant_byte_first() {
        assert_eq!(ack_id(1, 2, 3), "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD");
        assert_eq!(ack_id(u64::MAX, 0, u64::MAX), "__________8AAAAAAAAAAP__________");
        assert_eq!(message_id(1, 2), "00000000000020000000000008");
    }
}
