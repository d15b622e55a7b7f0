//! The hands that break a source and mend it.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::ChildStdin,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::{Running, wav};

pub(crate) trait Rig {
    fn break_it(&mut self);
    fn mend(&mut self);
}

/// The standard input of a server that takes orders there.
pub(crate) type Orders = Rc<RefCell<ChildStdin>>;

/// A mount of `/switch`, and how it misbehaves.
pub(crate) struct Switch {
    pub(crate) orders: Orders,
    pub(crate) mount: &'static str,
    pub(crate) way: &'static str,
}

impl Switch {
    fn order(&self, way: &str) {
        // In one piece, as the servers want it.
        let line = format!("{} {way}\n", self.mount);
        self.orders.borrow_mut().write_all(line.as_bytes()).unwrap();
    }
}

impl Rig for Switch {
    fn break_it(&mut self) {
        self.order(self.way);
    }

    fn mend(&mut self) {
        self.order("play");
    }
}

/// What goes wrong by itself, at a time known beforehand.
pub(crate) struct Nobody;

impl Rig for Nobody {
    fn break_it(&mut self) {}

    fn mend(&mut self) {}
}

/// A process that is killed and gets a successor.
pub(crate) struct Mortal<F> {
    process: Option<Running>,
    successor: F,
}

impl<F: Fn() -> Running> Mortal<F> {
    pub(crate) fn new(process: Running, successor: F) -> Self {
        let process = Some(process);
        Self { process, successor }
    }
}

impl<F: Fn() -> Running> Rig for Mortal<F> {
    fn break_it(&mut self) {
        // Dropping kills it.
        self.process = None;
    }

    fn mend(&mut self) {
        self.process = Some((self.successor)());
    }
}

/// A process that is frozen.
pub(crate) struct Frozen(pub(crate) Running);

impl Rig for Frozen {
    fn break_it(&mut self) {
        self.0.signal("STOP");
    }

    fn mend(&mut self) {
        self.0.signal("CONT");
    }
}

/// What happens to a file that is being written.
#[derive(Clone, Copy)]
pub(crate) enum Mishap {
    Cut,
    Rotated,
    Deleted,
    Forgotten,
}

/// A recorder that writes a WAV file in real time.
pub(crate) struct Recorder {
    path: PathBuf,
    file: Arc<Mutex<Option<File>>>,
    aside: Option<File>,
    mishap: Mishap,
}

impl Recorder {
    pub(crate) fn start(path: &Path, mishap: Mishap) -> Self {
        let file = Arc::new(Mutex::new(Some(wav::begin(path))));
        let weak = Arc::downgrade(&file);
        std::thread::Builder::new()
            .spawn(move || {
                let piece = wav::tone(0.1, -20.0);
                while let Some(file) = weak.upgrade() {
                    if let Some(file) = &mut *file.lock().unwrap() {
                        file.write_all(&piece).unwrap();
                    }
                    drop(file);
                    // The pace of a recorder.
                    std::thread::sleep(Duration::from_millis(100));
                }
            })
            .unwrap();
        let path = path.to_owned();
        Self {
            path,
            file,
            aside: None,
            mishap,
        }
    }
}

impl Rig for Recorder {
    fn break_it(&mut self) {
        let mut file = self.file.lock().unwrap();
        match self.mishap {
            Mishap::Cut => *file = Some(wav::begin(&self.path)),
            Mishap::Rotated => {
                fs::rename(&self.path, self.path.with_extension("1")).unwrap();
                *file = Some(wav::begin(&self.path));
            }
            Mishap::Deleted => {
                *file = None;
                fs::remove_file(&self.path).unwrap();
            }
            Mishap::Forgotten => self.aside = file.take(),
        }
    }

    fn mend(&mut self) {
        let mut file = self.file.lock().unwrap();
        match self.mishap {
            Mishap::Cut | Mishap::Rotated => {}
            Mishap::Deleted => *file = Some(wav::begin(&self.path)),
            Mishap::Forgotten => *file = self.aside.take(),
        }
    }
}
