/// Units by their size; those of a power of two first, which are the ones that are printed.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
/// Those that are printed.
const BINARY: usize = 4;

/// Bytes: `1048576`, `64MiB`, `1GB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = match unit {
        "" => Some(1),
        _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor),
    };
    let number: Option<u64> = number.parse().ok();
    let bytes = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    bytes.ok_or_else(|| "is no size; write it like 1048576, 64MiB or 1GiB".to_owned())
}

/// Bytes as people read them: exact if it can be, else with one decimal.
pub(crate) fn human_size(bytes: u64) -> String {
    let Some((unit, factor)) = UNITS[..BINARY].iter().find(|(_, factor)| bytes >= *factor) else {
        return format!("{bytes} B");
    };
    match bytes % factor {
        0 => format!("{} {unit}", bytes / factor),
        rest => format!("{}.{} {unit}", bytes / factor, u128::from(rest) * 10 / u128::from(*factor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        assert_eq!(size("1048576"), Ok(1 << 20));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("64 mib"), Ok(64 << 20));
        assert_eq!(size("1GB"), Ok(1_000_000_000));
        for bad in ["", "MiB", "-1", "1.5GiB", "1XB", "99999999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_written_in_their_largest_unit() {
        assert_eq!(human_size(1023), "1023 B");
        assert_eq!(human_size(1 << 30), "1 GiB");
        assert_eq!(human_size(1_600_000), "1.5 MiB");
        assert_eq!(size(&human_size(3 << 20)), Ok(3 << 20));
    }
}
