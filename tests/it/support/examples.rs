//! Commands that a document shows with what they print.

/// A command and what it prints.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) command: String,
    pub(crate) output: String,
}

/// What stands in the blocks marked as `console`: a line that begins with `$ ` is a command, the lines below it are its output.
pub(crate) fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in blocks(document, "console").flat_map(str::lines) {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => examples.push(Example { command: command.into(), output: String::new() }),
            (None, Some(example)) => example.output += &format!("{line}\n"),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    examples
}

/// The blocks with this mark.
pub(crate) fn blocks<'a>(document: &'a str, mark: &str) -> impl Iterator<Item = &'a str> {
    let mark = format!("{mark}\n");
    document.split("```").skip(1).step_by(2).filter_map(move |block| block.strip_prefix(&mark))
}
