//! The JSON mapping of the API (protobuf's): lowerCamelCase, 64-bit numbers as strings, bytes in base64, enums by name. Fields without presence
//! are always there, so that a script need not know defaults.

use std::sync::LazyLock;

use fanfare_client::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors were compiled with the client")
});

fn descriptor(kind: &str) -> MessageDescriptor {
    let name = format!("fanfare.v1.{kind}");
    POOL.get_message_by_name(&name).expect("the kind is one of the API's; every use has a test")
}

/// A message of this kind as JSON.
pub(crate) fn of<M: Message>(kind: &str, message: &M) -> Value {
    let options = SerializeOptions::new().skip_default_fields(false);
    let dynamic = DynamicMessage::decode(descriptor(kind), message.encode_to_vec().as_slice());
    let dynamic = dynamic.expect("what was encoded is decoded");
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).expect("a value holds it")
}

/// A message of this kind from JSON.
pub(crate) fn read<M: Message + Default>(kind: &str, json: &str) -> Result<M, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let dynamic = DynamicMessage::deserialize(descriptor(kind), &mut deserializer);
    let dynamic = dynamic.and_then(|message| deserializer.end().map(|()| message));
    let dynamic = dynamic.map_err(|error| error.to_string())?;
    dynamic.transcode_to().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use fanfare_client::proto;

    use super::*;

    #[test]
    fn numbers_of_64_bits_are_strings_and_absent_counts_are_zeros() {
        let stats = proto::GetTopicStatsResponse { published: 1 << 60, ..Default::default() };
        let json = of("GetTopicStatsResponse", &stats);
        assert_eq!((&json["published"], &json["segments"]), (&"1152921504606846976".into(), &"0".into()));
    }

    #[test]
    fn what_was_written_is_read_back() {
        let policy = proto::RetentionPolicy { max_bytes: Some(5), ..Default::default() };
        let settings = proto::TopicSettings { retention: Some(policy), ..Default::default() };
        assert_eq!(read("TopicSettings", &of("TopicSettings", &settings).to_string()), Ok(settings));
    }

    #[test]
    fn an_unknown_field_and_a_second_document_are_refused() {
        let read = |text| read::<proto::TopicSettings>("TopicSettings", text);
        assert!(read(r#"{"retentoin": {}}"#).unwrap_err().contains("retentoin"));
        assert!(read("{} {}").is_err());
        assert!(read("").is_err());
    }
}
