//! `/openapi.json`: what is served, told to programs.
//!
//! Nothing in it is said a second time: schemas come from the types that are written and read,
//! parameters from the declarations that read them, methods from the routes. A route without a
//! description does not compile (`routes.rs`).
//!
//! Source: `OpenAPI` 3.1.1.

mod memory;
mod operation;
mod people;
mod routes;
mod schemas;
mod service;
mod sources;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use hyper::{HeaderMap, Method, Response};
use serde_json::{Map, Value, json};

use self::{
    operation::{Path, responses},
    schemas::Schemas,
};
use super::{Assets, compressed, reply::Body, route::Route};

/// What is served, written down when somebody first asks.
#[derive(Debug)]
pub(super) struct Description {
    setting: Setting,
    text: OnceLock<String>,
}

/// What differs from one start to another.
#[derive(Clone, Debug)]
struct Setting {
    telemetry_path: String,
    assets: Assets,
}

impl Setting {
    /// What the route of a path knows.
    fn methods(&self, path: &Path) -> &'static [Method] {
        let route = Route::of(&path.example(), &self.telemetry_path, self.assets);
        route.map_or(&[], |route| route.methods().0)
    }
}

impl Description {
    pub(super) fn new(telemetry_path: &str, assets: Assets) -> Self {
        Self {
            setting: Setting {
                telemetry_path: telemetry_path.to_owned(),
                assets,
            },
            text: OnceLock::new(),
        }
    }

    pub(super) fn answer(&self, headers: &HeaderMap) -> Response<Body> {
        let text = self.text.get_or_init(|| write(&self.setting).to_string());
        compressed::reply("application/json", text.clone().into_bytes(), headers)
    }
}

const ABOUT: &str = "Everything under /api/v1/ and beside it. Errors are problem documents \
    (RFC 9457) with a `remedy`; a method that a path does not have gets 405 with `Allow`. Moments \
    are RFC 3339 in UTC, durations seconds, sizes bytes. Queries hold the parameters that are \
    listed, each at most once.";

fn write(setting: &Setting) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for path in routes::all(setting) {
        let methods = setting.methods(&path);
        paths.insert(path.template.clone(), path.describe(methods, &mut schemas));
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": ABOUT,
            "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "responses": responses(&mut schemas), "schemas": schemas.into_map() },
    })
}
