//! How the page looks. `UPDATE_DOCS=1` writes `docs/images`.

use std::path::Path;

use super::support::Exporter;
use super::{streams, watching};

/// All files of the page together.
const MOST_PAGE_BYTES: u64 = 200 * 1024;
const MOST_PICTURE_BYTES: usize = 300_000;

const LOOKS: [(&str, u32, u32, bool); 4] = [
    ("page-desktop-light.png", 1280, 900, false),
    ("page-desktop-dark.png", 1280, 900, true),
    ("page-phone-light.png", 390, 844, false),
    ("page-phone-dark.png", 390, 844, true),
];

/// The least contrast of texts with what is behind them, as WCAG 2.1 §1.4.3 computes it.
const LEAST_CONTRAST: &str = "(() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const text = getComputedStyle(at).backgroundColor;
      const [r, g, b, a = 1] = numbers(text);
      if (text.startsWith('rgb') && a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  let worst = [99, ''];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.offsetParent || element.disabled) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 200)];
  }
  return worst;
})()";

#[test]
fn it_fits_a_desk_and_a_phone_by_day_and_by_night() {
    let exporter = Exporter::start(["demo"]);
    let mut browser = watching(&exporter);
    for source in ["flapping", "healthy", "silent"] {
        streams(&mut browser, source);
    }
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    // The demo's drama: one is silent for too long, one lost its connection.
    browser.until("document.getElementById('source-silent').dataset.level === 'critical'");
    if update {
        browser.until("document.querySelector('#memory-self figure:not([hidden])')");
        browser.until(&format!("{} !== 'streaming'", super::state_of("flapping")));
    }
    for (name, width, height, dark) in LOOKS {
        browser.look(width, height, dark);
        browser.until(&format!("innerWidth === {width}"));
        let wide = browser.js("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{name}: {wide}");
        let contrast = browser.js(LEAST_CONTRAST);
        assert!(contrast[0].as_f64().unwrap() >= 4.5, "{name}: {contrast}");
        let picture = browser.picture();
        assert!(
            picture.len() < MOST_PICTURE_BYTES,
            "{name}: {}",
            picture.len()
        );
        if update {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), picture).unwrap();
        }
    }
    assert_eq!(browser.complaints(&[]), [""; 0]);
    let loaded = browser.js(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
            .filter(({name}) => !name.includes('/api/'))
            .reduce((sum, {decodedBodySize}) => sum + decodedBodySize, 0)",
    );
    let loaded = loaded.as_u64().unwrap();
    assert!(loaded > 10_000 && loaded <= MOST_PAGE_BYTES, "{loaded}");
    let foreign = browser.js(
        "performance.getEntriesByType('resource').filter(({name}) => !name.startsWith(location.origin)).length",
    );
    assert_eq!(foreign, 0);
}
