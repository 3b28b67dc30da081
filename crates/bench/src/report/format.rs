//! Figures for people.

use load::thousands;

use crate::stats::Spread;

/// Three significant digits, thousands apart: `1.23`, `12.3`, `123`, `12,300`.
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor();
    // Rounding may carry into the next digit: 9.999 is 10.0.
    let step = 10_f64.powf(magnitude - 2.0);
    let rounded = (value / step).round() * step;
    let digits = 2.0 - rounded.abs().log10().floor();
    match digits {
        d if d >= 3.0 => format!("{rounded:.3}"),
        d if d >= 2.0 => format!("{rounded:.2}"),
        d if d >= 1.0 => format!("{rounded:.1}"),
        _ => thousands(rounded),
    }
}

/// The median, and the least and greatest where there are several.
pub(crate) fn spread(spread: Option<Spread>) -> String {
    let Some(Spread { median, min, max }) = spread else { return "-".to_owned() };
    if min == max {
        return figure(median);
    }
    format!("{} ({} to {})", figure(median), figure(min), figure(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_thousands_apart() {
        let expected = [
            (0.0, "0"),
            (0.000_4, "0.000"),
            (0.012_34, "0.012"),
            (0.123_4, "0.123"),
            (1.234, "1.23"),
            (9.999, "10.0"),
            (12.34, "12.3"),
            (999.9, "1,000"),
            (1_234.0, "1,230"),
            (1_029_876.0, "1,030,000"),
            (-1_234.0, "-1,230"),
        ];
        for (value, text) in expected {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_spread_shows_its_ends_only_if_they_differ() {
        let one = Spread::of([2.0]);
        assert_eq!(spread(one), "2.00");
        assert_eq!(spread(Spread::of([1.0, 2.0, 3.0])), "2.00 (1.00 to 3.00)");
        assert_eq!(spread(None), "-");
    }
}
