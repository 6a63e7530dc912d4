//! What is written to stdout and stderr: fit for a terminal, whatever a model's file or a folder's name holds.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Prints a line to stdout, as `println!`. Whatever would command a terminal is shown as U+FFFD; a stdout that does not
/// take it ends the process with 1 and the reason.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::printed::line(format_args!($($words)*)) };
}

/// Prints a line to stderr, as `eprintln!`, in the same form. One that nobody takes is lost.
macro_rules! tell {
    ($($words:tt)*) => { $crate::cli::printed::line_to_stderr(format_args!($($words)*)) };
}

/// Lets a closed pipe end the process without a word, as it ends others: whoever reads `vedette models list | head -1`
/// wants no more. Sockets are not written to in this way.
pub fn end_with_the_reader() -> io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_default(signal_hook::consts::SIGPIPE, always).map(drop)
}

/// See `say!`.
pub fn line(words: Arguments<'_>) {
    let mut text = harmless(&words.to_string());
    text.push('\n');
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        line_to_stderr(format_args!("vedette: cannot write to stdout: {error}"));
        std::process::exit(1);
    }
}

/// See `tell!`.
pub fn line_to_stderr(words: Arguments<'_>) {
    let mut text = harmless(&words.to_string());
    text.push('\n');
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Without what a terminal takes for a command, and what turns the order of letters about.
pub fn harmless(text: &str) -> String {
    let is_command = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(is_command, "\u{fffd}")
}

/// As a file holds it, on one line of at most `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line = harmless(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some((end, _)) = line.char_indices().nth(most) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_commands_a_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\u{202e}c\td\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\td\n");
        assert_eq!(one_line("a\n b\u{1b}c", 9), "a b\u{fffd}c");
        assert_eq!(one_line("größer", 3), "grö…");
    }
}
