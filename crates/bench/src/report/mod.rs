//! Results as people read them: Markdown and charts, made again at any time from `results.json`.

mod bars;
mod charts;
mod format;
mod markdown;
mod page;

pub(crate) use format::figure;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::results::Results;

/// What a comparison leaves in its directory.
const RESULTS: &str = "results.json";
const REPORT: &str = "report.md";
/// Below a page: where its charts are.
const CHARTS_OF_PAGE: &str = "performance";

/// Writes the results, the report and the charts into this directory.
///
/// # Errors
/// Those of writing.
pub(crate) fn write(results: &Results, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join(RESULTS), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(directory.join(REPORT), markdown::render(results, "."))?;
    write_charts(results, directory)
}

/// Reads the results of this directory.
///
/// # Errors
/// There are none, or they are not of this version.
pub(crate) fn read(directory: &Path) -> Result<Results> {
    let text = fs::read_to_string(directory.join(RESULTS)).context("there is no results.json")?;
    serde_json::from_str(&text).context("results.json is not what this version writes")
}

/// Puts the report between the markers of a page, and its charts and results into `performance/` beside it.
///
/// # Errors
/// The page is not there or has no markers; those of writing.
pub(crate) fn write_page(results: &Results, page: &Path) -> Result<()> {
    let text = fs::read_to_string(page).context("the page cannot be read")?;
    let text = page::replace(&text, &markdown::render(results, CHARTS_OF_PAGE))?;
    let beside = page.parent().unwrap_or(Path::new(".")).join(CHARTS_OF_PAGE);
    fs::create_dir_all(&beside)?;
    write_charts(results, &beside)?;
    fs::write(beside.join(RESULTS), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(page, text).context("the page cannot be written")
}

fn write_charts(results: &Results, directory: &Path) -> Result<()> {
    for (name, chart) in charts::all(results) {
        let file = directory.join(name).with_extension("svg");
        match chart.svg() {
            Some(svg) => fs::write(file, svg)?,
            // That of an earlier run would be taken for one of this.
            None if file.exists() => fs::remove_file(file)?,
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
