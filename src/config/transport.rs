//! How a source's RTP comes, and how its server proves itself.

use std::{net::IpAddr, path::Path};

use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};

use super::{mistake::shown, section::Section};
use crate::net::{RtpTransport, TlsOptions, Trust};

/// Certificates in a `ca_file` at most; its size is bounded with them.
const MAX_CERTIFICATES: usize = 1000;
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Reads `transport` of an RTSP source, and whether it goes with `tls` and the URL.
pub(super) fn read(section: &Section<'_>, secure: bool) -> RtpTransport {
    if section.has("tls") && !secure {
        let remedy = "write rtsps:// or remove it";
        section.mistake("tls", "means nothing without TLS", remedy);
    }
    match section.text("transport") {
        Some("udp") if secure => {
            let problem = "RTP by UDP would leave the TLS connection and go unencrypted";
            section.mistake("transport", problem, "remove the key, or write rtsp://");
            RtpTransport::Tcp
        }
        Some("udp") => RtpTransport::Udp,
        _ => RtpTransport::Tcp,
    }
}

/// Reads the section `tls`.
pub(super) fn tls(section: &Section<'_>, base: &Path) -> TlsOptions {
    let authorities = section.text("ca_file").and_then(|written| {
        let read = authorities(&base.join(written));
        read.map_err(|(problem, remedy)| section.mistake("ca_file", problem, remedy))
            .ok()
    });
    let pin = section.text("pin_sha256").and_then(|written| {
        let pin = fingerprint(written);
        if pin.is_none() {
            let problem = format!("{} is not a SHA-256 fingerprint", shown(written));
            let remedy = "write its 64 hexadecimal digits, with or without colons, in quotes";
            section.mistake("pin_sha256", problem, remedy);
        }
        pin
    });
    if section.has("ca_file") && section.has("pin_sha256") {
        let problem = "a pinned certificate needs no authority";
        section.mistake("pin_sha256", problem, "keep one of the two");
    }
    let server_name = section.text("server_name").map(|written| {
        let in_a_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let right = (1..=253).contains(&written.len()) && written.chars().all(in_a_name);
        if !right && written.parse::<IpAddr>().is_err() {
            let problem = format!("{} is not a host name", shown(written));
            let remedy = "write the name or address that the certificate carries";
            section.mistake("server_name", problem, remedy);
        }
        written.to_owned()
    });
    let trust = match (pin, authorities) {
        (Some(pin), _) => Trust::Pinned(pin),
        (None, Some(authorities)) => Trust::Authorities(authorities),
        (None, None) => Trust::System,
    };
    TlsOptions { trust, server_name }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, (String, &'static str)> {
    let readable = "name a readable PEM file";
    let text = match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => return Err(("not a file".into(), readable)),
        Ok(file) if file.len() > MAX_CA_FILE => {
            return Err(("the file is larger than 4 MiB".into(), readable));
        }
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| (format!("cannot be read: {}", error.kind()), readable))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text)
        .take(MAX_CERTIFICATES)
        .collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err((
            "holds no certificate in PEM form".into(),
            "put the authority's certificate there, -----BEGIN CERTIFICATE----- and so on",
        )),
    }
}

/// 32 bytes in hexadecimal, with or without colons.
fn fingerprint(written: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = written
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    (digits.len() == 64)
        .then(|| bytes.try_into().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_and_browsers_write_it() {
        let plain = "00ff".repeat(16);
        let colons = ["00:FF"; 16].join(":");
        let expected: Vec<u8> = [0x00, 0xff].repeat(16);
        for written in [plain.clone(), colons] {
            assert_eq!(fingerprint(&written).unwrap().as_slice(), expected);
        }
        for wrong in [
            "",
            &plain[1..],
            &(plain.clone() + "0"),
            &plain.replace('f', "g"),
        ] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
    }
}
