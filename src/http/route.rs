//! What there is to ask for, and how.

use hyper::Method;

use super::{
    Assets, page,
    profile::Wanted,
    resource::{Methods, READ_ONLY, Resource, Sound},
};

/// One thing that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    PagePart(&'static page::Part),
    Events,
    Telemetry,
    Healthy,
    Ready,
    Reload,
    Probe,
    Profile(Wanted),
    Api(Resource),
    Audio(Sound),
    Asset {
        content_type: &'static str,
        text: &'static str,
    },
}

impl Route {
    /// The route of a path; `None` when nothing is there.
    pub(super) fn of(path: &str, telemetry_path: &str, assets: Assets) -> Option<Self> {
        if path == telemetry_path {
            return Some(Self::Telemetry);
        }
        if let Some(path) = path.strip_prefix("/api/v1/") {
            if path == "events" {
                return Some(Self::Events);
            }
            let sound = Sound::of(path).map(Self::Audio);
            return sound.or_else(|| Resource::of(path).map(Self::Api));
        }
        if let Some(path) = path.strip_prefix("/debug/pprof/") {
            return Wanted::of(path).map(Self::Profile);
        }
        match path {
            "/" => Some(Self::Page),
            "/-/healthy" => Some(Self::Healthy),
            "/-/ready" => Some(Self::Ready),
            "/-/reload" => Some(Self::Reload),
            "/probe" => Some(Self::Probe),
            _ => match page::part(path) {
                Some(part) => Some(Self::PagePart(part)),
                None => asset(path, assets),
            },
        }
    }

    /// The methods it knows, also as `Allow` lists them.
    pub(super) fn methods(&self) -> Methods {
        match self {
            Self::Events => (&[Method::GET], "GET"),
            Self::Reload => (&[Method::POST, Method::PUT], "POST, PUT"),
            Self::Profile(wanted) => wanted.methods(),
            Self::Api(resource) => resource.methods(),
            _ => READ_ONLY,
        }
    }

    /// Cheap, and asked by those who restart what does not answer: a busy server is not
    /// a dead one.
    pub(super) fn is_health(&self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }

    /// Whether the network may ask for it without authentication.
    pub(super) fn is_public(&self) -> bool {
        self.is_health() || *self == Self::Telemetry
    }
}

fn asset(path: &str, assets: Assets) -> Option<Route> {
    let name = path.strip_prefix('/')?;
    let (folder, file) = name.split_once('/')?;
    let content_type = match (folder, file.rsplit_once('.')?.1) {
        ("grafana", "json") => "application/json",
        ("alerts", "yaml") => "application/yaml",
        // Browsers show it so, and save what is called Markdown.
        ("runbooks", "md") => "text/plain; charset=utf-8",
        _ => return None,
    };
    let (_, text) = assets.iter().find(|(known, _)| *known == name)?;
    Some(Route::Asset { content_type, text })
}
