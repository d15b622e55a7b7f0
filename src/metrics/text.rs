//! Prometheus text 0.0.4 out of `OpenMetrics` 1.0.

/// Transcodes what [`super::Registry::encode_openmetrics`] wrote.
///
/// The two differ, for the types used here, in three ways: in `OpenMetrics` a counter's
/// metadata leaves out `_total`; `# UNIT` and `# EOF` are comments that 0.0.4 does not
/// know. Sample lines are the same.
/// Source: prometheus/docs, `exposition_formats.md`; `OpenMetrics` 1.0.
pub fn to_text_0_0_4(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // HELP precedes TYPE, and only TYPE tells whether the name grows.
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                text.extend(["# HELP ", name, suffix, " ", help, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.extend([line, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::to_text_0_0_4;

    #[test]
    fn a_counter_gets_its_suffix_back_and_comments_go() {
        let openmetrics = "# HELP a_b Help.\n# TYPE a_b counter\na_b_total{x=\"# TYPE\"} 1\n\
                           # HELP g_bytes Size.\n# TYPE g_bytes gauge\n# UNIT g_bytes bytes\n\
                           g_bytes 2\n# EOF\n";
        let text = "# HELP a_b_total Help.\n# TYPE a_b_total counter\na_b_total{x=\"# TYPE\"} 1\n\
                    # HELP g_bytes Size.\n# TYPE g_bytes gauge\ng_bytes 2\n";
        assert_eq!(to_text_0_0_4(openmetrics), text);
    }
}
