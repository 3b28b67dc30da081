use anstyle::Style;
use comfy_table::{CellAlignment, presets};

/// Aligned columns under headings, without lines: for people, and for `awk`.
#[derive(Debug)]
pub(crate) struct Table {
    table: comfy_table::Table,
    columns: usize,
}

impl Table {
    /// Headings; those that begin with `#` are of numbers, to the right.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(headings.iter().map(|heading| heading.trim_start_matches('#')));
        for (index, heading) in headings.iter().enumerate() {
            let Some(column) = table.column_mut(index) else { continue };
            column.set_padding((0, 2));
            if heading.starts_with('#') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, columns: headings.len() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let dash = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
        let cells: Vec<String> = cells.into_iter().map(dash).collect();
        debug_assert_eq!(cells.len(), self.columns);
        self.table.add_row(cells);
    }

    /// Its text; `none` if there are no rows.
    pub(crate) fn text(&self, none: &str) -> String {
        if self.table.is_empty() {
            return none.to_owned();
        }
        let bold = Style::new().bold();
        let line = |(index, line): (usize, String)| match index {
            0 => format!("{bold}{}{bold:#}", line.trim_end()),
            _ => line.trim_end().to_owned(),
        };
        self.table.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Names and values below each other. Those without a value are left out.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &&(&str, String)| format!("{name:width$}  {value}");
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_numbers_to_the_right_and_nothing_is_a_dash() {
        let mut table = Table::new(&["NAME", "#BACKLOG", "AGE"]);
        assert_eq!(table.text("none"), "none");
        table.row(["orders".to_owned(), "7".to_owned(), "3m".to_owned()]);
        table.row(["b".to_owned(), "1000000".to_owned(), String::new()]);
        let text = anstream::adapter::strip_str(&table.text("none")).to_string();
        assert_eq!(text, "NAME    BACKLOG  AGE\norders        7  3m\nb       1000000  -");
    }

    #[test]
    fn fields_without_a_value_are_left_out() {
        assert_eq!(
            fields(&[("name", "a".into()), ("labels", String::new()), ("b", "c".into())]),
            "name  a\nb     c"
        );
    }
}
