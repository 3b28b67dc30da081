//! A bar chart as SVG: groups of bars with whiskers from the least to the greatest. Readable in light and in dark, alone and inside a page.

use std::fmt::Write as _;

use super::format;
use crate::stats::Spread;

/// What is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Of the vertical axis, with its unit.
    pub(crate) axis: String,
    pub(crate) scale: Scale,
    /// One bar of each group, in order.
    pub(crate) series: Vec<Series>,
    pub(crate) groups: Vec<Group>,
}

/// How high a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// For values of very different size.
    Logarithmic,
}

/// What has a colour and a line in the legend.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// A class of the style sheet.
    pub(crate) colour: usize,
}

/// Bars that stand together; none where nothing was measured.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) bars: Vec<Option<Spread>>,
}

/// Colours that there are: the last is for what is no competitor.
pub(crate) const COLOURS: usize = 8;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 44.0;
const PLOT: f64 = HEIGHT - TOP - BOTTOM;

/// Two shades each, for a light ground and for a dark one: a hue for each family of systems.
const SHADES: [(&str, &str); COLOURS] = [
    ("#0b57d0", "#8ab4f8"),
    ("#66a3ff", "#4a78c2"),
    ("#c5221f", "#f28b82"),
    ("#aa3377", "#d78bb8"),
    ("#b06000", "#fdd663"),
    ("#ee8866", "#c9683f"),
    ("#137333", "#81c995"),
    ("#80868b", "#9aa0a6"),
];

impl Chart {
    /// The file; none if there is nothing to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let (bottom, top) = self.range()?;
        let mut text = self.head();
        for tick in self.ticks(bottom, top) {
            let y = self.height(tick, bottom, top);
            _ = writeln!(
                text,
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/>"#,
                WIDTH - RIGHT
            );
            let (x, y) = (LEFT - 8.0, y + 4.0);
            _ = writeln!(text, r#"<text x="{x}" y="{y:.1}" text-anchor="end">{}</text>"#, label(tick));
        }
        for (place, group) in self.groups.iter().enumerate() {
            self.draw_group(&mut text, place, group, (bottom, top));
        }
        let y = HEIGHT - BOTTOM;
        _ = writeln!(text, r#"<line class="axis" x1="{LEFT}" x2="{:.1}" y1="{y}" y2="{y}"/>"#, WIDTH - RIGHT);
        Some(text + "</svg>\n")
    }

    fn head(&self) -> String {
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n\
             <title>{}</title>\n<style>\n{}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escape(&self.title),
            style(),
        );
        _ = writeln!(text, r#"<text class="title" x="16" y="26">{}</text>"#, escape(&self.title));
        let y = TOP + PLOT / 2.0;
        let axis = escape(&self.axis);
        _ = writeln!(
            text,
            r#"<text text-anchor="middle" transform="translate(20 {y}) rotate(-90)">{axis}</text>"#
        );
        text + &self.legend()
    }

    /// In as many rows as it takes; there is room for two.
    fn legend(&self) -> String {
        let (mut text, mut x, mut y) = (String::new(), 16.0, 42.0);
        for series in &self.series {
            let width = 34.0 + 6.6 * series.name.chars().count() as f64;
            if x + width > WIDTH {
                (x, y) = (16.0, y + 19.0);
            }
            let (colour, name) = (series.colour, escape(&series.name));
            _ = writeln!(text, r#"<rect class="c{colour}" x="{x:.0}" y="{y}" width="12" height="12"/>"#);
            _ = writeln!(text, r#"<text x="{:.0}" y="{}">{name}</text>"#, x + 17.0, y + 10.0);
            x += width;
        }
        text
    }

    fn draw_group(&self, text: &mut String, place: usize, group: &Group, (bottom, top): (f64, f64)) {
        let room = (WIDTH - LEFT - RIGHT) / self.groups.len() as f64;
        let left = LEFT + room * place as f64;
        let (x, y) = (left + room / 2.0, HEIGHT - BOTTOM + 22.0);
        _ = writeln!(
            text,
            r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{}</text>"#,
            escape(&group.label)
        );
        let step = (room * 0.86 / self.series.len().max(1) as f64).min(60.0);
        let start = x - step * self.series.len() as f64 / 2.0;
        for (number, (series, bar)) in self.series.iter().zip(&group.bars).enumerate() {
            let Some(bar) = bar else { continue };
            let x = start + step * number as f64;
            let y = self.height(bar.median, bottom, top);
            let (width, height) = (step * 0.86, HEIGHT - BOTTOM - y);
            let tip = format!("{}, {}: {}", series.name, group.label, format::spread(Some(*bar)));
            let colour = series.colour;
            _ = writeln!(
                text,
                r#"<rect class="c{colour}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"><title>{}</title></rect>"#,
                escape(&tip),
            );
            self.draw_whisker(text, x + width / 2.0, *bar, (bottom, top));
        }
    }

    /// With its value above it.
    fn draw_whisker(&self, text: &mut String, x: f64, bar: Spread, (bottom, top): (f64, f64)) {
        let (low, high) = (self.height(bar.min, bottom, top), self.height(bar.max, bottom, top));
        let (left, right) = (x - 3.0, x + 3.0);
        _ = writeln!(
            text,
            r#"<path class="whisker" d="M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}"/>"#,
        );
        let (y, value) = (high - 5.0, label(bar.median));
        _ = writeln!(
            text,
            r#"<text class="value" x="{x:.1}" y="{y:.1}" text-anchor="middle">{value}</text>"#
        );
    }

    /// From where to where the axis goes.
    fn range(&self) -> Option<(f64, f64)> {
        let bars = || self.groups.iter().flat_map(|group| group.bars.iter().flatten());
        let max = bars().map(|bar| bar.max).max_by(f64::total_cmp).filter(|max| *max > 0.0)?;
        match self.scale {
            Scale::Linear => Some((0.0, max * 1.04)),
            Scale::Logarithmic => {
                let positive = bars().map(|bar| bar.min).filter(|min| *min > 0.0);
                let min = positive.min_by(f64::total_cmp).unwrap_or(max);
                // A bar begins well below the least value, so that it can be seen, and at a power of ten.
                Some((10_f64.powf((min / 1.5).log10().floor()), max * 1.3))
            }
        }
    }

    /// Where a value is, from above; what is below the axis is on it.
    fn height(&self, value: f64, bottom: f64, top: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - bottom) / (top - bottom),
            Scale::Logarithmic => (value.max(bottom) / bottom).ln() / (top / bottom).ln(),
        };
        HEIGHT - BOTTOM - PLOT * share.clamp(0.0, 1.0)
    }

    /// Round values between the ends: on a linear axis four to nine of them, on the other one the powers of ten.
    fn ticks(&self, bottom: f64, top: f64) -> Vec<f64> {
        let mut ticks = Vec::new();
        match self.scale {
            Scale::Linear => {
                let rough = 10_f64.powf(top.log10().floor());
                let step = [0.2, 0.5, 1.0, 2.0].map(|part| rough * part);
                let step = step.into_iter().find(|step| top / step <= 8.0).unwrap_or(rough);
                ticks.extend((0..10).map(|n| f64::from(n) * step).take_while(|tick| *tick <= top));
            }
            Scale::Logarithmic => {
                let first = bottom.log10().round();
                ticks.extend(
                    (0..12).map(|n| 10_f64.powf(first + f64::from(n))).take_while(|tick| *tick <= top),
                );
            }
        }
        ticks
    }
}

/// A value in little room: `0.2`, `12`, `790k`, `1.03M`.
fn label(value: f64) -> String {
    let short = |value: f64| {
        let text = if value >= 9.995 { format!("{value:.0}") } else { format!("{value:.2}") };
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match value {
        v if v >= 999_500.0 => short(v / 1e6) + "M",
        v if v >= 999.5 => short(v / 1e3) + "k",
        v if v > 0.0 && v < 0.01 => format!("{v:.3}"),
        v => short(v),
    }
}

fn style() -> String {
    let sheet = |ground: &str, ink: &str, line: &str, dark: bool| {
        let mut text = format!(
            ".ground{{fill:{ground}}}text{{fill:{ink}}}.grid{{stroke:{line}}}.axis,.whisker{{stroke:{ink}}}"
        );
        for (number, (on_light, on_dark)) in SHADES.iter().enumerate() {
            _ = write!(text, ".c{number}{{fill:{}}}", if dark { on_dark } else { on_light });
        }
        text
    };
    format!(
        "text{{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}}.title{{font-size:16px;font-weight:600}}\
         .value{{font-size:8px}}.whisker{{fill:none;stroke-width:1.2}}\n{}\n@media (prefers-color-scheme:dark){{{}}}\n",
        sheet("#ffffff", "#202124", "#dadce0", false),
        sheet("#0d1117", "#e8eaed", "#3c4043", true),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
