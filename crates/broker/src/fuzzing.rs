//! The bodies of the fuzz targets. A finding is a panic.

use bytes::Bytes;

use crate::record::{MessageHead, Record};

/// Reads bytes as a record of a topic's log.
pub fn read_record(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let is_message = matches!(Record::read(&bytes), Ok(Record::Message(_)));
    let has_head = matches!(MessageHead::read(&bytes), Ok(Some(_)));
    assert_eq!(is_message, has_head, "the short way finds something else");
}
