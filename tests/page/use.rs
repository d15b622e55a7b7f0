//! What a person does on the page: hear, save, look, by mouse, keyboard and screen reader.

use serde_json::json;

use super::support::{Exporter, PATIENCE, Scratch, Stopwatch, write_tone};
use super::{streams, watching};

fn exporter(scratch: &Scratch) -> Exporter {
    let tone = scratch.path("tone.wav");
    write_tone(&tone, 16_000, 1, 30.0, -20.0);
    let config = format!(
        "web: {{audio: true}}\nsources:\n- {{name: garden, url: \"file://{}\", loop: true, expect: {{sample_rate: 48000}}}}\n",
        tone.display()
    );
    Exporter::with_config(&scratch.write("config.yaml", &config))
}

#[test]
fn audio_is_heard_and_figures_are_saved() {
    let scratch = Scratch::new();
    let exporter = exporter(&scratch);
    let mut browser = watching(&exporter);
    streams(&mut browser, "garden");
    let card = "document.getElementById('source-garden')";
    browser.until(&format!("!{card}.querySelector('.sound').hidden"));
    browser.js(&format!("{card}.querySelector('.sound button').click()"));
    browser.until(&format!("{card}.querySelector('audio')?.currentTime > 0.2"));
    // It sends another rate than expected, which is said.
    browser.until(&format!("{card}.dataset.level === 'warning'"));
    browser.until(&format!(
        "{card}.textContent.includes('expected sample rate 48000')"
    ));

    let saved = scratch.path("saved");
    std::fs::create_dir_all(&saved).unwrap();
    let into = json!({"behavior": "allow", "downloadPath": saved});
    browser.call("Page.setDownloadBehavior", &into);
    let read = |end: &str| {
        let watch = Stopwatch::start();
        loop {
            let mut files = std::fs::read_dir(&saved).unwrap().flatten();
            let of_kind = |file: &std::fs::DirEntry| file.path().to_string_lossy().ends_with(end);
            if let Some(file) = files.find(of_kind) {
                return (file.file_name(), std::fs::read(file.path()).unwrap());
            }
            assert!(watch.elapsed() < PATIENCE, "no *{end} is saved");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    // What there is, and no more.
    let buffered = browser.js(&format!(
        "Number({card}.querySelector('.sound a').href.match(/last=(\\d+)s/)[1])"
    ));
    let seconds = buffered.as_u64().unwrap();
    let offered = browser.js(&format!("{card}.querySelector('.sound a').textContent"));
    assert!(seconds < 60, "{offered}: it has just begun");
    browser.js(&format!("{card}.querySelector('.sound a').click()"));
    let (name, clip) = read(".wav");
    // Named after the source and its beginning.
    assert!(name.to_string_lossy().starts_with("garden-20"), "{name:?}");
    assert_eq!(&clip[..4], b"RIFF");
    browser.js("document.querySelector('a[download=\"status.json\"]').click()");
    let status: serde_json::Value = serde_json::from_slice(&read("status.json").1).unwrap();
    assert_eq!(status["sources"][0]["name"], "garden");

    let memory = "document.getElementById('memory-self')";
    browser.until(memory);
    browser.js(&format!("{memory}.querySelector('button').click()"));
    browser.until(&format!(
        "{memory}.querySelector('.actions p').textContent.includes('its own alone')"
    ));
    let more = format!("[...{card}.querySelectorAll('details')].at(-1)");
    browser.js(&format!("{more}.open = true"));
    browser.until(&format!("{more}.querySelectorAll('tbody tr').length >= 1"));
    browser.until(&format!("{more}.textContent.includes('capture')"));
    assert_eq!(browser.complaints(&[]), [""; 0]);

    // A reload that forbids it takes it off the page.
    let text = std::fs::read_to_string(scratch.path("config.yaml")).unwrap();
    scratch.write("config.yaml", &text.replace("audio: true", "audio: false"));
    assert_eq!(exporter.reload().0, 200);
    browser.until(&format!("{card}.querySelector('.sound').hidden"));
}

#[test]
fn everything_has_a_name_and_can_be_reached() {
    let scratch = Scratch::new();
    let exporter = exporter(&scratch);
    let mut browser = watching(&exporter);
    streams(&mut browser, "garden");
    browser.until("document.querySelector('#source-garden .sound:not([hidden])')");
    let tree = browser.until_accessible("button", "Play the last 10 s");
    for (role, name) in [
        ("heading", "Audio sources"),
        ("heading", "garden"),
        ("region", "Summary"),
        ("region", "Sources"),
        ("region", "Memory"),
        ("article", "garden"),
        ("meter", "Level of garden"),
        ("meter", "Audio of garden in the last hour"),
        ("link", "Metrics"),
        ("button", "Look at the memory of this exporter now"),
    ] {
        let there = |(r, n): &(String, String)| r == role && n == name;
        assert!(tree.iter().any(there), "{role} {name} in {tree:?}");
    }
    for role in ["main", "banner", "navigation", "status"] {
        assert!(tree.iter().any(|(r, _)| r == role), "{role} in {tree:?}");
    }
    let saves = |name: &str| name.starts_with("Download the last ") && name.ends_with(" s");
    let link = tree
        .iter()
        .find(|(role, name)| role == "link" && saves(name));
    assert!(link.is_some(), "{tree:?}");
    // Every image says what it shows, every button and link has a name.
    let nameless = tree.iter().filter(|(role, name)| {
        ["image", "img", "button", "link", "meter"].contains(&role.as_str()) && name.is_empty()
    });
    assert_eq!(nameless.count(), 0, "{tree:?}");

    // By the keyboard alone, and one sees where one is.
    let mut reached = Vec::new();
    for _ in 0..12 {
        for kind in ["keyDown", "keyUp"] {
            let tab =
                json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
            browser.call("Input.dispatchKeyEvent", &tab);
        }
        let at = "[document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]";
        let at = browser.js(at);
        assert_eq!(at[1], "solid", "{at}");
        reached.push(at[0].as_str().unwrap().to_owned());
    }
    assert!(reached.iter().any(|text| saves(text)), "{reached:?}");
    for name in ["Play the last 10 s", "Look now"] {
        assert!(
            reached.iter().any(|text| text == name),
            "{name} in {reached:?}"
        );
    }
    assert_eq!(browser.complaints(&[]), [""; 0]);
}
