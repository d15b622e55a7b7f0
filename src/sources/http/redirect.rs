//! Where a redirect may lead.

use url::Url;

/// Redirects that are followed for one session.
pub(super) const MOST: usize = 5;
/// The longest address, in bytes.
const LONGEST: usize = 2048;

/// Why a redirect is not followed; words for the owner, without the address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotFollowed(pub(super) &'static str);

/// The address that `location` names, seen from `place`: http or https, and without
/// credentials, which a server has no say in.
pub(super) fn next(place: &Url, location: Option<&[u8]>) -> Result<Url, NotFollowed> {
    let location = location.ok_or(NotFollowed("but does not say where"))?;
    if location.len() > LONGEST {
        return Err(NotFollowed("to an address of more than 2048 bytes"));
    }
    let nonsense = NotFollowed("to something that is no address");
    let text = std::str::from_utf8(location).map_err(|_| NotFollowed(nonsense.0))?;
    let mut next = place.join(text).map_err(|_| NotFollowed(nonsense.0))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(NotFollowed("to something else than http or https"));
    }
    // Both succeed for an address that has a host, as http and https always do.
    next.set_username("")
        .map_err(|()| NotFollowed(nonsense.0))?;
    next.set_password(None)
        .map_err(|()| NotFollowed(nonsense.0))?;
    next.set_fragment(None);
    if next.as_str().len() > LONGEST {
        return Err(NotFollowed("to an address of more than 2048 bytes"));
    }
    Ok(next)
}

/// Whether the credentials for one address may be sent to another: same scheme, host and
/// port (RFC 9110 §15.4).
pub(super) fn may_share_credentials(ours: &Url, theirs: &Url) -> bool {
    ours.origin() == theirs.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_http_and_https_are_followed_and_no_credentials_come_along() {
        let place = url("http://radio.lan:8000/a/b?token=x");
        let to = |location: &str| next(&place, Some(location.as_bytes()));
        assert_eq!(to("/c").unwrap(), url("http://radio.lan:8000/c"));
        assert_eq!(to("c?d").unwrap(), url("http://radio.lan:8000/a/c?d"));
        assert_eq!(to("//o/x").unwrap(), url("http://o/x"));
        assert_eq!(to("https://u:p@o/x#f").unwrap(), url("https://o/x"));
        for location in [
            "file:///etc/passwd",
            "rtsp://o/",
            "ftp://o/",
            "data:,x",
            "http://",
        ] {
            assert!(to(location).is_err(), "{location}");
        }
        assert!(next(&place, Some(b"/\xff")).is_err());
        assert!(next(&place, None).is_err());
        assert!(to(&"x".repeat(2049)).is_err());
    }

    #[test]
    fn credentials_stay_with_scheme_host_and_port() {
        let ours = url("http://radio.lan/a");
        for (theirs, shared) in [
            ("http://radio.lan:80/b", true),
            ("http://RADIO.lan/b", true),
            ("https://radio.lan/b", false),
            ("http://radio.lan:8000/b", false),
            ("http://radio.lan.evil/b", false),
        ] {
            assert_eq!(
                may_share_credentials(&ours, &url(theirs)),
                shared,
                "{theirs}"
            );
        }
    }
}
