//! From JSON text to a [`Document`].
//!
//! `serde_json` drives it, with its own bound on nesting, which is [`types::limits::FILTER_BODY_DEPTH`]. What nobody asks for is read by
//! [`Skip`] and not by serde's `IgnoredAny`, for which `serde_json` takes a way of its own that looks neither at the depth nor at
//! surrogates nor at the size of numbers: whether a body can be read would depend on who asks.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Content, Document, NodeId, TOP, Tree};
use crate::UnreadableBody;
use crate::paths::Paths;

impl Document {
    /// Reads a body, and keeps of it what is on one of the paths. After an error nothing may be asked of the document.
    pub(crate) fn read<'a>(
        &'a mut self,
        paths: &'a Paths,
        body: &'a [u8],
    ) -> Result<Tree<'a>, UnreadableBody> {
        self.clear(paths);
        let text = std::str::from_utf8(body).map_err(|_| UnreadableBody::Invalid)?;
        u32::try_from(text.len()).map_err(|_| UnreadableBody::Invalid)?;
        let mut reader = Reader { document: self, paths, text };
        let mut json = serde_json::Deserializer::from_str(text);
        let read = json.deserialize_any(Value { reader: &mut reader, target: Target::Node(TOP) });
        read.and_then(|()| json.end()).map_err(|_| UnreadableBody::Invalid)?;
        if !matches!(self.nodes[TOP as usize].content, Content::Object) {
            return Err(UnreadableBody::NotAnObject);
        }
        self.settle();
        Ok(Tree { document: self, text, paths })
    }
}

struct Reader<'r> {
    document: &'r mut Document,
    paths: &'r Paths,
    text: &'r str,
}

/// Where the next value belongs.
#[derive(Clone, Copy)]
enum Target {
    Node(NodeId),
    ElementOf(NodeId),
}

impl Reader<'_> {
    fn node(&mut self, target: Target) -> NodeId {
        match target {
            Target::Node(node) => node,
            Target::ElementOf(list) => self.document.adopt(list, self.document.nodes[list as usize].path),
        }
    }

    fn put(&mut self, target: Target, content: Content) {
        let node = self.node(target);
        self.document.become_content(node, content);
    }

    /// A list in a list is no list of its own.
    fn list(&mut self, target: Target) -> NodeId {
        match target {
            Target::Node(node) => {
                self.document.become_content(node, Content::List);
                node
            }
            Target::ElementOf(list) => list,
        }
    }

    fn put_text(&mut self, target: Target, text: &str) {
        let at = offset(self.document.unescaped.len());
        self.document.unescaped.push_str(text);
        self.put(target, Content::Unescaped { at, bytes: offset(text.len()) });
    }

    /// `text` is a part of the body.
    fn put_part(&mut self, target: Target, text: &str) {
        let at = offset((text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize));
        self.put(target, Content::Plain { at, bytes: offset(text.len()) });
    }

    /// The place that a key names, if somebody asks for it or for what is below. What is there on the way and is no object is replaced,
    /// as a key that wrote out the way would replace it.
    fn target(&mut self, object: NodeId, key: &str) -> Option<Target> {
        if memchr::memchr(b'.', key.as_bytes()).is_none() {
            let path = self.paths.child(self.document.nodes[object as usize].path, key)?;
            return Some(Target::Node(self.document.child(object, path)));
        }
        let mut node = object;
        for (i, step) in key.split('.').enumerate() {
            if i > 0 {
                self.document.become_object(node);
            }
            let path = self.paths.child(self.document.nodes[node as usize].path, step)?;
            node = self.document.child(node, path);
        }
        Some(Target::Node(node))
    }
}

/// What `read` let in fits.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A value that somebody asks for.
struct Value<'v, 'r> {
    reader: &'v mut Reader<'r>,
    target: Target,
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.reader.put(self.target, Content::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.reader.put(self.target, Content::Bool(value));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are compared as `f64`")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.reader.put(self.target, Content::Number(value as f64));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are compared as `f64`")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.reader.put(self.target, Content::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.reader.put(self.target, Content::Number(value));
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.reader.put_part(self.target, value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.reader.put_text(self.target, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let target = Target::ElementOf(self.reader.list(self.target));
        while elements.next_element_seed(Value { reader: &mut *self.reader, target })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let object = self.reader.node(self.target);
        self.reader.document.become_object(object);
        if !self.reader.paths.has_children(self.reader.document.nodes[object as usize].path) {
            return Skip.visit_map(entries);
        }
        while let Some(target) = entries.next_key_seed(Key { reader: &mut *self.reader, object })? {
            match target {
                Some(target) => entries.next_value_seed(Value { reader: &mut *self.reader, target })?,
                None => entries.next_value_seed(Skip)?,
            }
        }
        Ok(())
    }
}

/// A key of an object.
struct Key<'v, 'r> {
    reader: &'v mut Reader<'r>,
    object: NodeId,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<Target>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<Target>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.reader.target(self.object, key))
    }
}

/// A value that nobody asks for.
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key_seed(Self)?.is_some() {
            entries.next_value_seed(Self)?;
        }
        Ok(())
    }
}
