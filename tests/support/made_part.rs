//! The part of a document that a test makes, between two markers.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The lines between the markers of one test.
pub struct MadePart {
    path: PathBuf,
    text: String,
    from: usize,
    to: usize,
}

impl MadePart {
    /// Of `document` (below the repository), as `tests/MAKER.rs` made it.
    #[track_caller]
    pub fn of(document: &str, maker: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = fs::read_to_string(&path).unwrap();
        let begin = format!("<!-- made by tests/{maker}.rs -->\n");
        let end = format!("<!-- end of what tests/{maker}.rs made -->");
        let from = text.find(&begin).expect("the first marker") + begin.len();
        let to = text.find(&end).expect("the second marker");
        Self {
            path,
            text,
            from,
            to,
        }
    }

    /// What is written now.
    pub fn text(&self) -> &str {
        &self.text[self.from..self.to]
    }

    /// Writes it anew if `UPDATE_DOCS` is set; whether it did.
    pub fn updated(&self, made: &str) -> bool {
        let update = std::env::var_os("UPDATE_DOCS").is_some();
        if update {
            let text = [&self.text[..self.from], made, &self.text[self.to..]].concat();
            fs::write(&self.path, text).unwrap();
        }
        update
    }
}
