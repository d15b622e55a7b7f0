//! Help, version, completions and the manual.

use super::*;

#[test]
fn help_names_every_flag_and_the_way_in() {
    for line in ["--help", "-h"] {
        let exit = refused(line);
        assert_eq!(exit.code, 0);
        for flag in Line::command().get_opts().filter_map(clap::Arg::get_long) {
            assert!(
                exit.text.contains(&format!("--{flag}")),
                "{flag} in\n{exit}"
            );
        }
        assert!(exit.text.contains("demo"), "{exit}");
    }
}

#[test]
fn the_demo_has_a_help_of_its_own() {
    let exit = refused("demo --help");
    assert_eq!(exit.code, 0);
    assert!(exit.text.contains("--web.listen-address"), "{exit}");
    assert!(!exit.text.contains("--config.file"), "{exit}");
}

#[test]
fn the_version_is_the_packages() {
    let exit = refused("--version");
    assert_eq!(exit.code, 0);
    let expected = concat!("audio-capture-exporter ", env!("CARGO_PKG_VERSION"));
    assert!(exit.text.starts_with(expected), "{exit}");
}

/// The help of the program and of each subcommand.
fn helps() -> Vec<(String, String)> {
    let mut names = vec![String::new()];
    names.extend(
        command()
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            // It is help itself.
            .filter(|name| name != "help"),
    );
    names
        .into_iter()
        .map(|name| {
            let exit = refused(&format!("{name} --help"));
            assert_eq!(exit.code, 0, "{name}");
            (name, exit.text)
        })
        .collect()
}

#[test]
fn help_fits_a_screen() {
    let helps = helps();
    assert!(helps.len() >= 6);
    for (name, text) in helps {
        assert!(text.lines().count() <= 24, "{name}:\n{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn a_shell_and_man_are_told_all_flags_that_the_help_has() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = refused(&format!("completions {shell}"));
        assert_eq!(script.code, 0, "{shell}");
        for known in ["config.file", "shard.total", "password-file", "leakcheck"] {
            assert!(script.text.contains(known), "{shell}: {known}");
        }
    }
    let page = refused("man").text;
    for known in ["config.file", "shard.total"] {
        assert!(page.contains(known), "{known}:\n{page}");
    }
    assert!(refused("man probe").text.contains("password"), "probe");
    assert_eq!(refused("man prob").code, 2);
    assert_eq!(refused("completions tcsh").code, 2);
}

#[test]
fn help_is_asked_for_in_every_usual_way() {
    let help = refused("--help");
    for line in ["-h", "help"] {
        assert_eq!(refused(line), help, "{line}");
    }
    for name in ["probe", "leakcheck", "demo", "completions"] {
        let help = refused(&format!("help {name}"));
        let usage = format!("Usage: audio-capture-exporter {name}");
        assert_eq!(help.code, 0, "{name}");
        assert!(help.text.contains(&usage), "{name}: {help}");
        assert_eq!(refused(&format!("{name} --help")), help, "{name}");
    }
    assert_eq!(run("./help").sources[0].name(), "help");
}

#[test]
fn a_mistyped_command_is_told_the_nearest_wherever_one_is_named() {
    for (line, asker) in [
        ("help prboe", "help"),
        ("--log.level debug help prboe", "help"),
        ("help help prboe", "help"),
        ("man prboe", "man"),
    ] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        let told = format!("did you mean `probe`?\n  `{asker}` takes the name");
        assert!(exit.text.contains(&told), "{line}: {exit}");
    }
    for line in ["help CANARY", "man CANARY", "help probe CANARY"] {
        let exit = refused(line);
        assert_eq!(exit.code, 2, "{line}");
        assert!(!exit.text.contains("did you mean"), "{line}: {exit}");
        assert!(
            exit.text.contains("no command of this name"),
            "{line}: {exit}"
        );
        assert!(!exit.text.contains("CANARY"), "{line}: {exit}");
    }
}

#[test]
fn every_page_of_the_manual_has_a_full_header() {
    for page in ["", "probe", "demo", "leakcheck", "assets"] {
        let text = refused(&format!("man {page}")).text;
        let header = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let version = format!("\"audio-capture-exporter {}\"", env!("CARGO_PKG_VERSION"));
        assert!(
            header.contains(&version) && header.ends_with("\"Commands of audio-capture-exporter\""),
            "{page}: {header}"
        );
    }
}
