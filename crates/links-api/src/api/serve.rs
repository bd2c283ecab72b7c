//! From a declaration to a running operation: authentication, scope, rate
//! limit, body, transaction, idempotency, handler, commit, answer, in this
//! order.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header::HeaderName},
    web,
};

use postgres::pool::Object;

use super::{
    call::{Answer, Call},
    idempotency::Claim,
    operation::Operation,
};
use crate::{
    auth::{Caller, authenticate},
    body,
    error::{ApiError, Refused, Surface},
    observe,
    rate_limit::Allowance,
    state::AppState,
};

/// Registers operations at all of their paths.
pub fn configure(operations: Vec<Operation>, config: &mut web::ServiceConfig) {
    let mut resources: BTreeMap<(bool, String), Vec<Rc<Operation>>> = BTreeMap::new();
    for operation in operations.into_iter().map(Rc::new) {
        for path in operation.paths() {
            // Fixed paths before those with parameters: the first match wins.
            let place = (path.contains('{'), path);
            resources.entry(place).or_default().push(operation.clone());
        }
    }
    for ((_, path), operations) in resources {
        let mut resource = web::resource(path);
        let allowed: Vec<_> = operations.iter().map(|o| o.method.to_string()).collect();
        let allowed = allowed.join(", ");
        for operation in operations {
            let method = operation.method.clone();
            resource = resource.route(web::method(method).to(
                move |request: HttpRequest, payload: web::Payload| {
                    let operation = operation.clone();
                    async move { serve(&operation, request, payload).await }
                },
            ));
        }
        config.service(
            resource.default_service(web::to(move |request: HttpRequest| {
                let error = ApiError::MethodNotAllowed(allowed.clone());
                async move { refuse(&request, error) }
            })),
        );
    }
}

/// For paths that no operation has.
pub async fn default_service(request: HttpRequest) -> Result<HttpResponse, Refused> {
    refuse(&request, ApiError::NoRoute)
}

fn refuse(request: &HttpRequest, error: ApiError) -> Result<HttpResponse, Refused> {
    let surface = Surface::of_path(request.path());
    Err(Refused { surface, error })
}

async fn serve(operation: &Operation, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    observe::set_operation(&request, operation.id);
    let mut allowance = None;
    let state = request.app_data::<web::Data<AppState>>();
    let state = state.expect("every app is given it").clone();
    let result = run(operation, &state, &request, payload, &mut allowance).await;
    let mut response = match result {
        Ok(answer) => answer.into_response(),
        Err(error) => HttpResponse::from_error(Refused {
            surface: operation.surface,
            error,
        }),
    };
    if let Some(allowance) = allowance {
        insert_headers(&mut response, &allowance);
    }
    response
}

fn insert_headers(response: &mut HttpResponse, allowance: &Allowance) {
    let headers = [
        ("x-ratelimit-limit", allowance.limit),
        ("x-ratelimit-remaining", allowance.remaining),
        ("x-ratelimit-reset", allowance.reset_unix_s),
    ];
    for (name, value) in headers {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value.into());
    }
}

async fn run(
    operation: &Operation,
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
    allowance: &mut Option<Allowance>,
) -> Result<Answer, ApiError> {
    let pool = state.pools.select(operation.pool);
    let mut client = pool.get().await?;
    let caller = authenticate(&client, request, operation.is_writing_get).await?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    *allowance = state.rate_limits.count(&caller, now).await;
    if let Some(allowance) = allowance.filter(|allowance| allowance.is_exceeded) {
        let retry_after_s = allowance.retry_after_s;
        return Err(ApiError::RateLimited { retry_after_s });
    }
    caller.require(operation.scope)?;
    // A connection is not held while a slow client sends its body.
    let body = if operation.reads_body() {
        drop(client);
        let body = body::read(payload).await?;
        client = pool.get().await?;
        body
    } else {
        Vec::new()
    };
    let claim = if operation.is_post() {
        Claim::read(request, caller.account_id, &body)?
    } else {
        None
    };
    let has_changes = Cell::new(false);
    let handling = handle(Handling {
        operation,
        state,
        request,
        client: &mut client,
        caller: &caller,
        body: &body,
        claim: claim.as_ref(),
        has_changes: &has_changes,
    });
    let mut answer = match tokio::time::timeout(state.pools.answer_limit, handling).await {
        Ok(answer) => answer?,
        Err(_) => {
            postgres::pool::close(client);
            return Err(ApiError::unavailable(anyhow::anyhow!(
                "Postgres does not answer"
            )));
        }
    };
    drop(client);
    if has_changes.get() {
        state.relay.wake();
    }
    state.store_links(&std::mem::take(&mut answer.minted)).await;
    Ok(answer)
}

/// A request that may be handled, with a connection.
struct Handling<'h> {
    operation: &'h Operation,
    state: &'h AppState,
    request: &'h HttpRequest,
    client: &'h mut Object,
    caller: &'h Caller,
    body: &'h [u8],
    claim: Option<&'h Claim>,
    has_changes: &'h Cell<bool>,
}

/// Runs the handler in a transaction, or finds the answer that was given before.
async fn handle(handling: Handling<'_>) -> Result<Answer, ApiError> {
    let Handling {
        operation, claim, ..
    } = handling;
    let reads_only = operation.method == Method::GET && !operation.is_writing_get;
    let txn = handling
        .client
        .build_transaction()
        .read_only(reads_only)
        .start()
        .await?;
    if let Some(claim) = claim
        && let Some(answer) = claim.take(&txn).await?
    {
        return Ok(answer);
    }
    let call = Call {
        db: &txn,
        caller: handling.caller,
        state: handling.state,
        request: handling.request,
        body: handling.body,
        has_changes: handling.has_changes,
    };
    let answer = (operation.handler)(call).await?;
    if let Some(claim) = claim {
        claim.keep(&txn, &answer).await?;
    }
    // From here on it has happened, whether or not the client hears of it.
    txn.commit().await?;
    Ok(answer)
}
