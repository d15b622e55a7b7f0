use super::*;

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        other => panic!("{other:?} is no mapping"),
    }
}

fn text(node: &Node) -> &str {
    match &node.value {
        Value::Scalar { text, .. } => text,
        other => panic!("{other:?} is no scalar"),
    }
}

#[test]
fn lines_texts_and_duplicates_are_kept() {
    let root = parse("# first\na: 007\n\nb: \"x\"\na: ~\n")
        .unwrap()
        .unwrap();
    let seen: Vec<(&str, usize, &str, bool)> = entries(&root)
        .iter()
        .map(|entry| {
            let key = entry.key.as_deref().unwrap();
            (key, entry.line, text(&entry.node), entry.node.is_null())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("a", 2, "007", false),
            ("b", 4, "x", false),
            ("a", 5, "~", true)
        ]
    );
}

#[test]
fn a_quoted_null_is_a_text() {
    let root = parse("a: \"null\"\nb: ''\n").unwrap().unwrap();
    assert!(entries(&root).iter().all(|entry| !entry.node.is_null()));
}

#[test]
fn nothing_is_no_document() {
    for empty in ["", "\n\n", "# only a comment\n"] {
        assert!(parse(empty).unwrap().is_none_or(|node| node.is_null()));
    }
}

#[test]
fn aliases_share_instead_of_copying() {
    let root = parse("a: &x [1]\nb: *x\n").unwrap().unwrap();
    let [a, b] = entries(&root) else { panic!() };
    assert!(Rc::ptr_eq(&a.node, &b.node));
}

#[test]
fn inner_anchors_are_found_inside_outer_ones() {
    let root = parse("a: &outer { b: &inner 5 }\nc: *inner\nd: *outer\n")
        .unwrap()
        .unwrap();
    let [a, c, d] = entries(&root) else { panic!() };
    assert_eq!(text(&c.node), "5");
    assert!(Rc::ptr_eq(&a.node, &d.node));
}

#[test]
fn a_chain_of_aliases_is_as_deep_as_it_reads() {
    use std::fmt::Write as _;
    let mut bomb = String::from("a0: &a0 [x]\n");
    for level in 1..40 {
        let below = level - 1;
        writeln!(bomb, "a{level}: &a{level} [*a{below}, *a{below}]").unwrap();
    }
    // Never printed whole: written out, the tree would not fit into any memory.
    let Err(error) = parse(&bomb) else {
        panic!("accepted");
    };
    assert!(error.problem.contains("nested deeper"), "{error:?}");
    assert_eq!(error.line, MAX_DEPTH);
}

#[test]
fn what_yaml_does_not_know_is_placed() {
    let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
    assert!(error.line >= 2, "{error:?}");
    assert!(error.problem.contains("not YAML"), "{error:?}");
}
