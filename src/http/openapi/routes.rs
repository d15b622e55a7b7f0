//! Every route with its description.

use super::{Setting, memory, operation::Path, people, service, sources};
use crate::http::{
    profile::Wanted,
    resource::{Extent, MemoryView, Resource, Sound, Verb},
    route::Route,
};

/// Makes the list of all paths, and a match that holds every route: a row is in both, and a route
/// that is in no row does not compile.
macro_rules! routes {
    ($setting:ident: $($pattern:pat => $paths:expr;)+) => {
        /// Everything that is served.
        pub(super) fn all($setting: &Setting) -> Vec<Path> {
            let mut all = Vec::new();
            $(all.extend($paths);)+
            all
        }

        const _: fn(&Route) = |route| match route {
            $($pattern => {})+
        };

        /// The paths among which that of a route is.
        #[cfg(test)]
        pub(super) fn around(route: &Route, $setting: &Setting) -> Vec<Path> {
            match route {
                $($pattern => Vec::from_iter($paths),)+
            }
        }
    };
}

routes! { setting:
    Route::Page => [service::page()];
    Route::PagePart(_) => service::page_parts();
    Route::Telemetry => [service::telemetry(setting)];
    Route::Healthy => [service::healthy()];
    Route::Ready => [service::ready()];
    Route::Reload => [service::reload()];
    Route::Probe => [service::probe()];
    Route::OpenApi => [service::openapi()];
    Route::Asset { .. } => service::assets(setting);
    Route::Profile(Wanted::Heap) => [service::heap()];
    Route::Profile(Wanted::Cpu) => [service::cpu()];
    Route::Profile(Wanted::Write) => [service::write()];
    Route::Profile(Wanted::Sample(_)) => service::sampling();
    Route::Events => [sources::events()];
    Route::Api(Resource::Status) => [sources::status()];
    Route::Api(Resource::Sources) => [sources::all()];
    Route::Api(Resource::Source(_)) => [sources::one()];
    Route::Api(Resource::Reconnect(_)) => [sources::reconnect()];
    Route::Audio(Sound::Clip(_) | Sound::NotWav) => [sources::clip()];
    Route::Audio(Sound::Live(_)) => [sources::live()];
    Route::Api(Resource::Allocations) => [sources::allocations()];
    Route::Api(Resource::Memory(MemoryView::Status)) => [memory::status()];
    Route::Api(Resource::Memory(MemoryView::History)) => [memory::past()];
    Route::Api(Resource::Memory(MemoryView::Growth)) => [memory::growth()];
    Route::Api(Resource::Memory(MemoryView::Export)) => [memory::export()];
    Route::Api(Resource::Memory(MemoryView::Report)) => [memory::report()];
    Route::Api(Resource::Memory(MemoryView::Analyze)) => [memory::analyze()];
    Route::Api(Resource::Memory(MemoryView::Baseline)) => [memory::baseline()];
    Route::Api(Resource::Consumers) => [memory::consumers()];
    Route::Api(Resource::History(None)) => [memory::history()];
    Route::Api(Resource::History(Some((_, Extent::Part)))) => memory::records();
    Route::Api(Resource::History(Some((_, Extent::All)))) => memory::exports();
    Route::Api(Resource::Alarms) => [people::alarms()];
    Route::Api(Resource::MemoryAlerts) => [people::memory_alerts()];
    Route::Api(Resource::Alarm(_, None)) => [people::alarm()];
    Route::Api(Resource::Alarm(_, Some(Verb::Acknowledge))) => [people::acknowledge()];
    Route::Api(Resource::Alarm(_, Some(Verb::Resolve))) => [people::resolve()];
    Route::Api(Resource::Objects) => [people::objects()];
    Route::Api(Resource::Object(_)) => [people::object()];
}
