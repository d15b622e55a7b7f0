//! The names of functions.

use std::collections::HashMap;

use super::proto::Functions;

/// Looks addresses up, each once. Never tells a file: it would be one of the machine that built
/// the program.
#[derive(Default)]
pub(super) struct Symbols {
    known: HashMap<usize, Functions>,
}

impl Symbols {
    /// The functions at a place in the code; for a return address the place is one before it. The
    /// address itself where there is no name.
    pub(super) fn at(&mut self, place: usize) -> Functions {
        let find = || {
            let mut names = Functions::new();
            let address = std::ptr::without_provenance_mut(place);
            backtrace::resolve(address, |symbol| {
                // Without the hash behind it.
                names.extend(symbol.name().map(|name| format!("{name:#}")));
            });
            if names.is_empty() {
                names.push("[unknown]".to_owned());
            }
            names
        };
        self.known.entry(place).or_insert_with(find).clone()
    }
}

impl Drop for Symbols {
    fn drop(&mut self) {
        // Some megabytes of what the program's own file says.
        backtrace::clear_symbol_cache();
    }
}
