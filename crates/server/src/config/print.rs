use std::fmt::Write;

use super::{Loaded, keys::KEYS};

/// The configuration as a file that would give it, with the origin of each value after it.
pub fn effective(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut current = "";
    for key in KEYS {
        let (section, name) = key.place();
        if section != current {
            let _ = writeln!(text, "\n[{section}]");
            current = section;
        }
        let line = format!("{name} = {}", (key.show)(&loaded.config));
        let _ = writeln!(text, "{line:<44} # {}", loaded.origin(key.name));
    }
    text
}
