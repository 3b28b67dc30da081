//! The bodies of the fuzz targets. A finding is a panic.

use bytes::Bytes;

use crate::record::Record;

/// Reads bytes as a record of a topic's log.
pub fn read_record(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let whole = Record::read(&bytes);
    let message = Record::read_only_message(&bytes);
    if let (Ok(Record::Message(whole)), Ok(message)) = (whole, message) {
        assert_eq!(Some(whole), message, "the short way reads something else");
    }
}
