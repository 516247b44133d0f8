//! The table of routes: each method of each path stands beside what it asks of its caller.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, on},
};
use tokio_util::sync::CancellationToken;

use super::{
    Gate, Need,
    door::{Door, enter},
};
use crate::server::leaving;

/// One method of a path.
struct Entry<S> {
    path: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for those who walk the table"))]
    method: Method,
    need: Need,
    /// Whether it may last for ever: then it ends when the daemon leaves.
    endless: bool,
    handler: MethodRouter<S>,
}

/// The methods of one path.
pub(crate) struct Verbs<S>(Vec<(Method, Need, bool, MethodRouter<S>)>);

/// All routes.
pub(crate) struct Routes<S>(Vec<Entry<S>>);

macro_rules! verbs {
    ($($name:ident $filter:ident),*) => {
        $(
            pub(crate) fn $name<S, H, T>(need: Need, handler: H) -> Verbs<S>
            where
                S: Clone + Send + Sync + 'static,
                H: Handler<T, S>,
                T: 'static,
            {
                Verbs(Vec::new()).$name(need, handler)
            }
        )*

        impl<S: Clone + Send + Sync + 'static> Verbs<S> {
            $(
                pub(crate) fn $name<H, T>(mut self, need: Need, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    let handler = on(MethodFilter::$filter, handler);
                    self.0.push((Method::$filter, need, false, handler));
                    self
                }
            )*
        }
    };
}

verbs!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

impl<S> Verbs<S> {
    /// Says that these may last for ever: they end when the daemon leaves. Turns themselves go on, with the next daemon if
    /// need be.
    pub(crate) fn endless(mut self) -> Self {
        for (_, _, endless, _) in &mut self.0 {
            *endless = true;
        }
        self
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn route(mut self, path: &'static str, verbs: Verbs<S>) -> Self {
        self.0
            .extend(verbs.0.into_iter().map(|(method, need, endless, handler)| Entry {
                path,
                method,
                need,
                endless,
                handler,
            }));
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The paths, methods and needs.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Method, &'static str, Need)> {
        self.0.iter().map(|entry| (&entry.method, entry.path, entry.need))
    }

    /// The same doors with nothing behind them but the word `in`.
    #[cfg(test)]
    pub(crate) fn hollow(self) -> Routes<()> {
        let hollow = |entry: Entry<S>| Entry {
            path: entry.path,
            handler: on(MethodFilter::try_from(entry.method.clone()).unwrap(), || async {
                "in"
            }),
            method: entry.method,
            need: entry.need,
            endless: entry.endless,
        };
        Routes(self.0.into_iter().map(hollow).collect())
    }

    /// Puts each route behind its door.
    pub(crate) fn guarded(self, gate: &Gate, leave: &CancellationToken) -> Router<S> {
        self.0.into_iter().fold(Router::new(), |router, entry| {
            let door = Door {
                gate: gate.clone(),
                path: entry.path,
                need: entry.need,
            };
            let mut guarded = entry.handler.route_layer(from_fn_with_state(door, enter));
            if entry.endless {
                guarded = guarded.route_layer(from_fn_with_state(leave.clone(), leaving::end));
            }
            router.route(entry.path, guarded)
        })
    }
}
