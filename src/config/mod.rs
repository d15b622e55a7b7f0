//! Configuration: a strict YAML file and the sources on the command line, validated into
//! one [`Config`].
//!
//! Every mistake is found in one go ([`ConfigErrors`]) and tells its key, its line and a
//! remedy. [`keys::KEYS`] is the single list of what may stand in the file: it drives what
//! is accepted, the types, the ranges and the defaults, and `docs/config.md` is held
//! against it. What another configuration changes is told by its names and keys
//! ([`ConfigChanges`]).
//!
//! No message ever shows the value of a key that can hold a secret, nor the text of a YAML
//! error's surroundings.

mod address;
mod alarms;
mod argument;
mod budget;
mod changes;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod history;
pub mod keys;
mod load;
mod local;
mod mistake;
mod names;
mod nearest;
mod notify;
mod objects;
mod one;
mod pipes;
mod profiles;
mod roles;
mod secrets;
mod section;
mod silence;
mod source;
mod transport;
mod watch;
mod web_file;
mod yaml;

pub use address::{AddressError, carries_credentials};
pub use argument::{ArgumentError, SourceArgument};
pub use changes::ConfigChanges;
pub use load::{Config, MAX_FILE_BYTES, MAX_SOURCES, load, load_shard};
pub use mistake::{ConfigErrors, Mistake};
pub use nearest::nearest;
pub use one::{CredentialsError, PasswordFrom, one};
pub use web_file::{BadWebFile, WEB_KEYS, WebFile, load_web};
