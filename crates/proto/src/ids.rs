//! The texts of identifiers, from the numbers that a `DeliveryBlock` has in their stead.

use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};

/// Characters of an ack ID.
pub const ACK_ID_CHARS: usize = 32;
/// Characters of a message ID.
pub const MESSAGE_ID_CHARS: usize = 26;

/// The ack ID of a delivery, in ASCII.
pub fn ack_id(subscription_uid: u64, sequence: u64, lease: u64) -> [u8; ACK_ID_CHARS] {
    let mut raw = [0; 24];
    for (place, number) in raw.chunks_exact_mut(8).zip([subscription_uid, sequence, lease]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    let mut text = [0; ACK_ID_CHARS];
    BASE64URL_NOPAD.encode_mut(&raw, &mut text);
    text
}

/// The ID of a message, in ASCII.
pub fn message_id(log: u64, sequence: u64) -> [u8; MESSAGE_ID_CHARS] {
    let mut raw = [0; 16];
    for (place, number) in raw.chunks_exact_mut(8).zip([log, sequence]) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    let mut text = [0; MESSAGE_ID_CHARS];
    BASE32HEX_NOPAD.encode_mut(&raw, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_in_the_text_one_after_the_other() {
        let raw = BASE64URL_NOPAD.decode(&ack_id(1, 2, u64::MAX)).unwrap();
        assert_eq!(raw, [&1_u64.to_be_bytes()[..], &2_u64.to_be_bytes(), &[0xff; 8]].concat());
        let raw = BASE32HEX_NOPAD.decode(&message_id(3, 1 << 40)).unwrap();
        assert_eq!(raw, [3_u64.to_be_bytes(), (1_u64 << 40).to_be_bytes()].concat());
    }
}
