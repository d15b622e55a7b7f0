use std::collections::BTreeSet;

use super::*;

fn setting() -> Setting {
    Setting {
        telemetry_path: "/metrics".to_owned(),
        assets: &[
            ("grafana/overview.json", "{}"),
            ("alerts/recorder.yaml", ""),
        ],
    }
}

#[test]
fn every_path_is_described_where_its_route_is_and_with_its_methods() {
    let setting = setting();
    for path in routes::all(&setting) {
        let Path {
            template,
            operations,
            ..
        } = &path;
        let route = Route::of(&path.example(), &setting.telemetry_path, setting.assets);
        let route = route.unwrap_or_else(|| panic!("nothing is at {template}"));
        let mut around = routes::around(&route, &setting).into_iter();
        assert!(around.any(|near| near.template == *template), "{template}");
        let described: BTreeSet<_> = operations
            .iter()
            .map(|(method, _)| method.as_str())
            .collect();
        let known = route.methods().0.iter().map(Method::as_str);
        let known: BTreeSet<_> = known.filter(|method| *method != "HEAD").collect();
        assert_eq!(described, known, "{template}");
    }
}

#[test]
fn names_are_said_once_and_all_that_is_referred_to_is_there() {
    let document = write(&setting());
    let mut ids = BTreeSet::new();
    let paths = document["paths"].as_object().unwrap();
    let routes = routes::all(&setting()).len();
    assert_eq!(paths.len(), routes, "a path is there twice");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            if method != "parameters" {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id), "{id} of {method} {path}");
            }
        }
    }
    // A second type of a name gets a number.
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "{name}");
        assert!(name.chars().all(char::is_alphanumeric), "{name}");
    }
    let mut found = 0;
    references(&document, &mut |reference| {
        let there = document.pointer(reference.trim_start_matches('#'));
        assert!(there.is_some(), "{reference}");
        found += 1;
    });
    assert!(found > 100, "{found}");
}

fn references(value: &Value, seen: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(reference) if name == "$ref" => seen(reference),
                    _ => references(member, seen),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, seen)),
        _ => {}
    }
}
