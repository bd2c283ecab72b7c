//! From a declared operation to a running one. For each request, in this order:
//! authentication, rate limit, scope, names in the query, body, transaction, idempotency,
//! comparison with the current object, handler, audit trail, commit, response.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderName},
    },
    web,
};

use postgres::pool::{GenericClient as _, Object};
use tokio_postgres::IsolationLevel;

use super::{
    audited::{lock_changed_object, object_path, write_audit_row},
    body,
    contacts::{check_contacts, without_numbers},
    context::{JsonInput, RequestContext},
    current::{self, CurrentObject},
    handler::content_type,
    idempotency::IdempotentRequest,
    input::{PreparedBody, unknown_parameters},
    operation::{Access, Operation},
    response::Response,
    span,
};
use crate::{
    audit::{AuditEntry, Audited},
    auth::{Caller, Identity, SessionRules, authenticate},
    error::{ApiError, ApiFamily, ErrorResponse},
    outbox::Outbox,
    rate_limit::Allowance,
    state::AppState,
};

/// The longest time that a request takes whose handler has transactions of its own.
const OWN_TRANSACTIONS_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Registers operations at all of their paths; other methods of these paths are 405.
pub fn configure(operations: Vec<Operation>, config: &mut web::ServiceConfig) {
    let mut resources: BTreeMap<(bool, String), Vec<Rc<Operation>>> = BTreeMap::new();
    let mut readers = BTreeMap::new();
    for operation in operations.into_iter().map(Rc::new) {
        // Fails at the start for an operation that does not declare it.
        operation.audited();
        for path in operation.paths() {
            if operation.reads_object() {
                readers.insert(path.clone(), operation.clone());
            }
            // Fixed paths before those with parameters: the first match wins.
            let key = (path.contains('{'), path);
            resources.entry(key).or_default().push(operation.clone());
        }
    }
    for ((_, path), operations) in resources {
        let reader = object_path(&path)
            .and_then(|path| readers.get(path))
            .cloned();
        let mut resource = web::resource(path);
        let mut allowed = Vec::new();
        for operation in operations {
            let mut methods = vec![operation.method.clone()];
            if operation.is_read_only() {
                // The server leaves out the body.
                methods.push(Method::HEAD);
            }
            let endpoint = Endpoint {
                operation,
                reader: reader.clone(),
            };
            for method in methods {
                allowed.push(method.to_string());
                let endpoint = endpoint.clone();
                resource = resource.route(web::method(method).to(
                    move |request: HttpRequest, payload: web::Payload| {
                        let endpoint = endpoint.clone();
                        async move { handle(&endpoint, request, payload).await }
                    },
                ));
            }
        }
        let allowed = allowed.join(", ");
        config.service(
            resource.default_service(web::to(move |request: HttpRequest| {
                let error = ApiError::MethodNotAllowed(allowed.clone());
                async move { error_response(&request, error) }
            })),
        );
    }
}

/// An operation at one of its paths.
#[derive(Clone)]
struct Endpoint {
    operation: Rc<Operation>,
    /// The GET of the object that the path is about, or about whose part it is.
    reader: Option<Rc<Operation>>,
}

/// 404 for paths that no operation has.
pub async fn default_service(request: HttpRequest) -> Result<HttpResponse, ErrorResponse> {
    error_response(&request, ApiError::NoRoute)
}

fn error_response(request: &HttpRequest, error: ApiError) -> Result<HttpResponse, ErrorResponse> {
    let family = ApiFamily::of_path(request.path());
    Err(ErrorResponse { family, error })
}

async fn handle(endpoint: &Endpoint, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let operation = &*endpoint.operation;
    span::set_operation(&request, operation.id);
    let mut rate_limit = None;
    let state = request.app_data::<web::Data<AppState>>();
    let state = state.expect("every app is given it").clone();
    let result = execute(endpoint, &state, &request, payload, &mut rate_limit).await;
    let mut response = match result {
        Ok(response) => response.into_http(),
        Err(error) => HttpResponse::from_error(ErrorResponse {
            family: operation.family,
            error,
        }),
    };
    if let Some(allowance) = rate_limit {
        insert_rate_limit_headers(&mut response, &allowance);
    }
    response
}

fn insert_rate_limit_headers(response: &mut HttpResponse, allowance: &Allowance) {
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

/// Everything from authentication to the commit. `rate_limit` is set as soon as it is known,
/// since responses to failed requests have its headers too.
async fn execute(
    endpoint: &Endpoint,
    state: &AppState,
    request: &HttpRequest,
    payload: web::Payload,
    rate_limit: &mut Option<Allowance>,
) -> Result<Response, ApiError> {
    let operation = &*endpoint.operation;
    let pool = state.pools.select(operation.pool);
    let mut client = pool.get().await?;
    let caller = find_caller(operation, state, &client, request).await?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    *rate_limit = state.rate_limits.count(&caller, now).await;
    if let Some(allowance) = rate_limit.filter(|allowance| allowance.is_exceeded) {
        let retry_after_s = allowance.retry_after_s;
        return Err(ApiError::RateLimited { retry_after_s });
    }
    match operation.access {
        Access::Scope(scope) => caller.require(scope, operation.is_read_only())?,
        Access::Session => {
            caller.user()?;
        }
        Access::AnyCaller | Access::Public => {}
    }
    check_contacts(&caller, request)?;
    let ignored_parameters = check_parameters(operation, request)?;
    // A connection is not held while a slow client sends its body.
    let body = if operation.reads_body() {
        drop(client);
        let body = body::read_limited(payload, operation.max_body_mb).await?;
        client = pool.get().await?;
        body
    } else {
        Vec::new()
    };
    let idempotent = if operation.takes_idempotency_key() {
        IdempotentRequest::from_request(request, caller.account_id, &body)?
    } else {
        None
    };
    let json = prepare_json(operation, request, &body);
    let transaction = run_transaction(TransactionInput {
        endpoint,
        state,
        request,
        client: &mut client,
        caller: &caller,
        body: &body,
        json,
        idempotent: idempotent.as_ref(),
    });
    let limit = match operation.has_own_transactions {
        true => OWN_TRANSACTIONS_LIMIT,
        false => state.pools.answer_limit,
    };
    let outcome = match tokio::time::timeout(limit, transaction).await {
        Ok(outcome) => outcome?,
        Err(_) => {
            postgres::pool::discard(client);
            return Err(ApiError::unavailable(anyhow::anyhow!(
                "Postgres does not answer"
            )));
        }
    };
    drop(client);
    if outcome.has_record_changes {
        state.relay_wake.wake();
    }
    let mut response = outcome.response;
    if operation.ignores_unknown_input {
        let ignored = ignored_parameters.into_iter().chain(outcome.ignored_fields);
        response = response.with_ignored(ignored.collect());
    }
    response = without_numbers(&caller, response)?;
    if operation.reads_object() {
        response = response.with_etag(current::header(request, header::IF_NONE_MATCH));
    }
    let new_links = response.take_new_links();
    state.edge_cache.put_new_links(&new_links).await;
    Ok(response)
}

/// Who sends the request. Nobody has to sign in for an operation that is public, but a page of
/// another site must not call it in the name of a browser: it could sign the browser in as
/// somebody else.
async fn find_caller(
    operation: &Operation,
    state: &AppState,
    client: &Object,
    request: &HttpRequest,
) -> Result<Caller, ApiError> {
    if operation.access == Access::Public {
        let site = request.headers().get("sec-fetch-site");
        if site.is_some_and(|site| site == "cross-site") && !operation.is_navigation() {
            return Err(ApiError::CrossSiteRequest);
        }
        return Ok(Caller::new(Identity::Nobody));
    }
    let rules = SessionRules {
        idle_timeout: state.sign_in.idle_timeout,
        is_read_only: operation.is_read_only(),
        needs_account: matches!(operation.access, Access::Scope(_)),
    };
    authenticate(client, request, operation.has_side_effects, rules).await
}

/// The parameters of the query that the operation ignores. Fails if there are some and it must
/// not.
fn check_parameters(operation: &Operation, request: &HttpRequest) -> Result<Vec<String>, ApiError> {
    let known = operation.parameter_names();
    if operation.ignores_unknown_input {
        let unknown = unknown_parameters(request.query_string(), &known).unwrap_or_default();
        return Ok(unknown.into_iter().map(|unknown| unknown.name).collect());
    }
    let unknown = unknown_parameters(request.query_string(), &known)?;
    let first = unknown.into_iter().next();
    first.map_or(Ok(Vec::new()), |unknown| Err(unknown.error(&known)))
}

/// Parses the body, if the operation takes one as JSON.
fn prepare_json<'a>(operation: &'a Operation, request: &HttpRequest, body: &[u8]) -> JsonInput<'a> {
    let spec = operation.inputs.body.as_ref();
    let Some(spec) = spec.and_then(|spec| spec.json.as_ref()) else {
        return JsonInput::default();
    };
    let content_type = content_type(request);
    let prepared = PreparedBody::parse(&content_type, body, &spec.shape, spec.aliases);
    let (body, error) = match prepared {
        Ok(body) => (body, None),
        Err(error) => (PreparedBody::default(), Some(error)),
    };
    JsonInput {
        spec: Some(spec),
        body,
        error: error.into(),
    }
}

/// What the transaction of a request needs.
struct TransactionInput<'a> {
    endpoint: &'a Endpoint,
    state: &'a AppState,
    request: &'a HttpRequest,
    client: &'a mut Object,
    caller: &'a Caller,
    body: &'a [u8],
    json: JsonInput<'a>,
    idempotent: Option<&'a IdempotentRequest>,
}

/// What a committed transaction leaves to do.
struct TransactionOutcome {
    response: Response,
    has_record_changes: bool,
    /// Fields of the body that the operation does not have.
    ignored_fields: Vec<String>,
}

/// Runs the handler in a transaction, unless the `Idempotency-Key` has a response already.
async fn run_transaction(input: TransactionInput<'_>) -> Result<TransactionOutcome, ApiError> {
    let TransactionInput {
        endpoint,
        idempotent,
        mut json,
        ..
    } = input;
    let operation = &*endpoint.operation;
    let if_match = current::header(input.request, header::IF_MATCH);
    let if_match = if_match.filter(|_| operation.changes_object());
    let is_read_only = operation.is_read_only();
    let txn = input
        .client
        .build_transaction()
        .read_only(is_read_only)
        // What another request changes after the comparison with If-Match is then an error.
        .isolation_level(match if_match {
            Some(_) => IsolationLevel::RepeatableRead,
            None => IsolationLevel::ReadCommitted,
        })
        .start()
        .await?;
    if operation.has_own_transactions {
        // It holds no lock that events wait for, and is idle meanwhile.
        let limit_ms = OWN_TRANSACTIONS_LIMIT.as_millis();
        let sql = format!("SET LOCAL idle_in_transaction_session_timeout = {limit_ms}");
        txn.batch_execute(&sql).await?;
    }
    if let Some(idempotent) = idempotent
        && let Some(response) = idempotent.begin(&txn).await?
    {
        return Ok(TransactionOutcome {
            response,
            has_record_changes: false,
            ignored_fields: json.body.unknown_fields.paths().collect(),
        });
    }
    let outbox = Outbox::new(&txn);
    let request_id = span::request_id(input.request);
    let audit = AuditEntry::new(input.caller, operation.id, operation.audited(), request_id);
    let no_json = JsonInput::default();
    let context = RequestContext {
        db: &txn,
        caller: input.caller,
        state: input.state,
        outbox: &outbox,
        audit: &audit,
        request: input.request,
        body: input.body,
        json: &no_json,
    };
    let mut current = CurrentObject::new(endpoint.reader.as_deref(), context);
    let is_audited_change = matches!(operation.audited(), Audited::Change { .. });
    if is_audited_change {
        lock_changed_object(context).await?;
    }
    if operation.changes_object() {
        current.check_if_match(if_match).await?;
        current.remove_unchanged(&mut json).await?;
    }
    if is_audited_change {
        current.read_if_found().await?;
    }
    if !operation.ignores_unknown_input {
        json.check_unknown_fields();
    }
    let context = RequestContext {
        json: &json,
        ..context
    };
    let response = (operation.handler)(context).await?;
    let store_response = async {
        match idempotent {
            Some(idempotent) => idempotent.store_response(&txn, &response).await,
            None => Ok(()),
        }
    };
    let write_audit_row = write_audit_row(operation, context, current, &response);
    // Both are sent at once.
    tokio::try_join!(store_response, write_audit_row)?;
    let has_record_changes = outbox.has_changes();
    // From here on the request has taken effect, whether or not the client gets the response.
    txn.commit().await?;
    Ok(TransactionOutcome {
        response,
        has_record_changes,
        ignored_fields: json.body.unknown_fields.paths().collect(),
    })
}
