//! A real sound server without hardware: `PulseAudio` with a null sink, and ALSA's plugin
//! that leads to it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{Running, Scratch};

/// A sound server of this test's own. What is played into its sink can be recorded from
/// the ALSA device `rig`, and from `default`.
pub struct Pulse {
    pub server: Running,
}

const ALSA: &str = r#"
pcm.rig {
  type pulse
  device "rig.monitor"
  hint { show on; description "the rig" }
}
pcm.!default { type pulse; device "rig.monitor" }
ctl.!default { type pulse }
"#;

impl Pulse {
    /// Starts it; its files are in `scratch`, also those of one that was killed there.
    pub fn start(scratch: &Scratch) -> Self {
        let home = scratch.path("home");
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        scratch.write("asound.conf", ALSA);
        // Nobody but the test starts a server.
        scratch.write("client.conf", "autospawn = no\n");
        // One that was killed left it behind.
        let _none = fs::remove_file(scratch.path("native"));
        let socket = scratch.path("native");
        let mut command = Command::new("pulseaudio");
        command
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1"])
            .args([
                "--use-pid-file=no",
                "--disable-shm=yes",
                "--log-level=error",
            ])
            .args(["-L", "module-null-sink sink_name=rig rate=48000 channels=2"])
            .arg("-L")
            .arg(format!(
                "module-native-protocol-unix auth-anonymous=1 socket={}",
                socket.display()
            ))
            .envs(environment(scratch));
        let server = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let pulse = Self { server };
        pulse.server.until("PulseAudio listens", || socket.exists());
        pulse
    }
}

/// Plays a sine of 1 kHz into the sink, of a given RMS level in dBFS, until it is dropped.
pub fn play(scratch: &Scratch, dbfs: f64) -> Running {
    let tone = scratch.path("tone.wav");
    super::write_tone(&tone, 48_000, 2, 240.0, dbfs);
    let mut command = Command::new("paplay");
    command
        .arg("--device=rig")
        .arg(&tone)
        .envs(environment(scratch));
    Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// What leads a program to this server and to nothing else.
pub fn environment(scratch: &Scratch) -> [(&'static str, PathBuf); 7] {
    let alsa = format!(
        "/usr/share/alsa/alsa.conf:{}",
        scratch.path("asound.conf").display()
    );
    let server = format!("unix:{}", scratch.path("native").display());
    [
        ("ALSA_CONFIG_PATH", alsa.into()),
        ("PULSE_SERVER", server.into()),
        ("PULSE_CLIENTCONFIG", scratch.path("client.conf")),
        ("PULSE_COOKIE", scratch.path("cookie")),
        ("HOME", scratch.path("home")),
        ("XDG_RUNTIME_DIR", scratch.path("home")),
        ("XDG_CONFIG_HOME", scratch.path("home")),
    ]
}
