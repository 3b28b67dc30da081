//! Headers of a request, counted.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Unsendable;

/// Bytes of all headers of a request, as HTTP/2 counts them (RFC 9113, section 6.5.2): name, value and 32 for each, the address included.
pub const HEADER_BYTES: usize = 16 << 10;
/// Of these, the bytes of what is the same in every request.
pub const FIXED_HEADER_BYTES: usize = 12 << 10;

/// Headers that are being put together.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers(HeaderMap);

impl Headers {
    /// Sets a header, in the place of one that is there.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Unsendable> {
        self.0.insert(key(name)?, plain(name, value)?);
        Ok(())
    }

    /// The same with a value that nobody may see.
    pub(super) fn set_secret(&mut self, name: &str, value: &str) -> Result<(), Unsendable> {
        let mut value = plain(name, value)?;
        value.set_sensitive(true);
        self.0.insert(key(name)?, value);
        Ok(())
    }

    /// Adds a header beside one that is there.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), Unsendable> {
        self.0.append(key(name)?, plain(name, value)?);
        Ok(())
    }

    /// What they count.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    /// Them, unless servers would not take them.
    pub(super) fn fit(self, address: usize) -> Result<HeaderMap, Unsendable> {
        let bytes = self.bytes() + address;
        if bytes > HEADER_BYTES {
            return Err(Unsendable::TooManyHeaders { bytes, limit: HEADER_BYTES });
        }
        Ok(self.0)
    }
}

fn key(name: &str) -> Result<HeaderName, Unsendable> {
    name.parse().map_err(|_| Unsendable::Header(name.to_owned()))
}

fn plain(name: &str, value: &str) -> Result<HeaderValue, Unsendable> {
    HeaderValue::from_str(value).map_err(|_| Unsendable::Header(name.to_owned()))
}
