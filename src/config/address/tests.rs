use super::*;

fn wrong(text: &str) -> AddressError {
    parse(text, Path::new("/base")).expect_err(text)
}

#[test]
fn a_url_that_may_have_cut_a_password_is_refused() {
    for text in [
        "rtsp://admin:12/34@camera.lan/live",
        "rtsp://admin:1234?5@camera.lan/live",
        "rtsp://admin:1234#5@camera.lan/live",
        "rtsp://admin:a@b/c@camera.lan/live",
    ] {
        assert_eq!(wrong(text), AddressError::StrayAt, "{text}");
    }
}

#[test]
fn hosts_and_ports_are_checked() {
    for text in [
        "rtsp://",
        "rtsp:///live",
        "rtsp://:554/live",
        "rtsp://user@/live",
        "rtsp://[::1/live",
        "rtsp://::1/live",
        "rtsp://fe80::1/live",
        "rtsp://[camera]/live",
        "rtsp://[::1]x/live",
        "rtsp://käse.lan/live",
        "rtsp://a%20b/live",
    ] {
        assert_eq!(wrong(text), AddressError::Host, "{text}");
    }
    for text in [
        "rtsp://camera.lan:/",
        "rtsp://camera.lan:0/",
        "rtsp://camera.lan:65536/",
        "rtsp://camera.lan:+554/",
        "rtsp://user:password",
    ] {
        assert_eq!(wrong(text), AddressError::Port, "{text}");
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (text, scheme) in [
        ("ICECAST://radio.lan/x", "icecast"),
        ("jack:system", "jack"),
    ] {
        assert_eq!(wrong(text), AddressError::Unsupported(scheme), "{text}");
    }
    assert_eq!(wrong("gopher://x/"), AddressError::UnknownScheme);
    assert_eq!(wrong("file:relative.wav"), AddressError::MissingSlashes);
    for text in ["dir:recordings", "fifo:/run/audio"] {
        assert_eq!(wrong(text), AddressError::MissingSlashes, "{text}");
    }
    assert_eq!(wrong("dir://elsewhere/a"), AddressError::FileUrl);
    assert_eq!(wrong("stdin:///x"), AddressError::StandardInput);
    for text in [
        "file:///",
        "file:///a#b.wav",
        "file:///a?b.wav",
        "file://elsewhere/a.wav",
    ] {
        assert_eq!(wrong(text), AddressError::FileUrl, "{text}");
    }
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_do() {
    for text in [
        "",
        "stdin:x",
        "x://",
        "u:p@h",
        "rtsp:x",
        "rtsp:// ",
        "rtsp://a/@",
        "rtsp://a/#",
        "rtsp://",
        "rtsp://a:b",
        "rtsp://%0a@a",
        "file:///",
    ] {
        let said = wrong(text).to_string();
        assert_eq!(said.matches("; ").count(), 1, "{said}");
    }
}

#[test]
fn paths_of_cameras_stay_as_they_are() {
    for text in [
        "rtsp://10.0.0.9:554/cam/realmonitor?channel=1&subtype=0",
        "rtsp://10.0.0.9/Streaming/Channels/101/?a=b",
        "rtsp://10.0.0.9/user=a_password=b_channel=1.sdp",
    ] {
        match parse(text, Path::new("")) {
            Ok(Address::Rtsp { url, .. }) => assert_eq!(url.as_str(), text),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn http_streams_are_read_like_rtsp_ones() {
    match parse("HTTPS://u:p%40@Radio.lan:8443/a?b=c", Path::new("")) {
        Ok(Address::Http {
            url,
            name,
            username,
            password,
        }) => {
            assert_eq!(url.as_str(), "https://radio.lan:8443/a?b=c");
            assert_eq!(name, "Radio.lan:8443");
            assert_eq!(username.unwrap().expose(), "u");
            assert_eq!(password.unwrap().expose(), "p@");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(wrong("http:radio.lan/a"), AddressError::MissingSlashes);
    assert_eq!(wrong("http://u:a/b@radio.lan/"), AddressError::StrayAt);
}

#[test]
fn percent_decoding_keeps_what_is_no_escape() {
    for (encoded, decoded) in [
        ("a%23b", "a#b"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%zz%41", "%zzA"),
        ("%2541", "%41"),
        ("%C3%A4", "ä"),
        ("a+b", "a+b"),
    ] {
        assert_eq!(percent_decoded(encoded), decoded.as_bytes(), "{encoded}");
    }
}

#[test]
fn credentials_in_an_argument_are_recognised() {
    for text in [
        "rtsp://u:p@camera.lan/",
        "garden=rtsp://u@camera.lan/",
        "u:p@camera.lan/live",
        "rtsps://u:p@camera.lan/",
        "rtsp:/u:p@camera.lan/",
        "rtsp://camera.lan/user=a_password=b",
        "rtsp://camera.lan/?user=a&PWD=b",
        "--anything=rtsp://u:p@camera.lan/",
        "x=http://h/s?token=b",
        "http://h/s?id=1&API_KEY=b",
        "http://h/s?apikey=b",
        "http://h/s?access%5Ftoken=b",
        "http://h/s?%74oken=b",
        "http://h/s?authToken=b",
        "http://h/s?auth=b",
        "rtsp://h/s;secret=b",
        "https://h/s?expires=1&sig=b",
        "https://h/s?X-Amz-Signature=b",
    ] {
        assert!(carries_credentials(text), "{text}");
    }
    for text in [
        "garden=rtsp://camera.lan:554/live",
        "mountain-pass=rtsp://camera.lan/live",
        "audio/me@home.wav",
        "--web.listen-address=[::1]:10480",
        "file:///srv/me%40home.wav",
        "http://h/token/keys.mp3?codec=mp3&config=2&channel=1",
    ] {
        assert!(!carries_credentials(text), "{text}");
    }
}

#[test]
fn a_control_character_is_never_dropped_from_a_path() {
    for text in [
        "file:///a\tb.wav",
        "dir:///a\nb",
        "fifo:///a\rb",
        "a\tb.wav",
    ] {
        assert_eq!(wrong(text), AddressError::Whitespace, "{text:?}");
    }
}
