//! The entry of all requests: limits their concurrency and sends each to its handler by
//! its path. The few fixed forms of paths need no router library.

use actix_http::{ConnectionType, Request};

use crate::{
    click,
    conversion::{self, Endpoint},
    metrics::RequestOutcome,
    response::{self, EdgeResponse},
    state::AppState,
};

pub async fn handle(request: Request, state: &AppState) -> EdgeResponse {
    let mut response = dispatch(request, state).await;
    if state.draining.is_cancelled() {
        let head = response.head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

async fn dispatch(request: Request, state: &AppState) -> EdgeResponse {
    let Some(_permit) = state.concurrency_limit.try_acquire() else {
        state.metrics.count_request(RequestOutcome::Overloaded);
        return response::overloaded();
    };
    match Endpoint::parse(request.path()) {
        // Boxed so that the future of a click has no room for that of a conversion.
        Some(endpoint) => Box::pin(conversion::handle(request, endpoint, state)).await,
        None => click::handle(&request, state).await,
    }
}
