//! The declaration of an operation.

use std::{any::type_name, rc::Rc};

use actix_web::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde_json::Value;

use super::{
    body::MAX_BODY_MB,
    context::RequestContext,
    handler::{Handler, HandlerFuture},
    operation_parts::{BodySpec, Content, OperationInputs, ResponseSpec, schema_for},
};
use crate::{
    audit::{Audited, ObjectKind},
    auth::Scope,
    error::{ApiError, ApiFamily},
    state::PoolKind,
};

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Keys and users with this scope, each in an account.
    Scope(Scope),
    /// Every key and every user, also without an account.
    AnyCaller,
    /// Users, also without an account.
    Session,
    /// Everybody.
    Public,
}

/// One method of one path. What it takes from a request is known from the arguments of its
/// handler; the rest is said by the methods, which have OpenAPI's names.
pub struct Operation {
    pub(super) method: Method,
    /// The path behind the base of its API: `/links/{link_id}`.
    pub(super) path: &'static str,
    pub(super) family: ApiFamily,
    /// `<verb>_<resource>`: the name of the handler.
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) access: Access,
    pub(super) inputs: OperationInputs,
    pub(super) responses: Vec<ResponseSpec>,
    /// Errors beside those that every operation of its kind has.
    pub(super) errors: Vec<ApiError>,
    pub(super) handler: BoxedHandler,
    pub(super) pool: PoolKind,
    /// Whether a GET changes something.
    pub(super) has_side_effects: bool,
    pub(super) max_body_mb: usize,
    /// Whether the handler changes things in transactions of its own.
    pub(super) has_own_transactions: bool,
    /// Whether parameters and fields that it does not have are no errors.
    pub(super) ignores_unknown_input: bool,
    /// What the audit trail says of it, which every operation declares that is no GET.
    audited: Option<Audited>,
}

/// A handler behind its arguments. It runs in a transaction, which is committed if it succeeds.
pub type BoxedHandler = Rc<dyn for<'a> Fn(RequestContext<'a>) -> HandlerFuture<'a>>;

impl Operation {
    pub fn get<Args>(path: &'static str, handler: impl Handler<Args>) -> Self {
        Self::new(Method::GET, path, handler)
    }

    pub fn post<Args>(path: &'static str, handler: impl Handler<Args>) -> Self {
        Self::new(Method::POST, path, handler)
    }

    pub fn put<Args>(path: &'static str, handler: impl Handler<Args>) -> Self {
        Self::new(Method::PUT, path, handler)
    }

    pub fn patch<Args>(path: &'static str, handler: impl Handler<Args>) -> Self {
        Self::new(Method::PATCH, path, handler)
    }

    pub fn delete<Args>(path: &'static str, handler: impl Handler<Args>) -> Self {
        Self::new(Method::DELETE, path, handler)
    }

    /// An operation of the v2 API; see [`Operation::affiliate_api`].
    fn new<H: Handler<Args>, Args>(method: Method, path: &'static str, handler: H) -> Self {
        let mut inputs = OperationInputs::default();
        H::describe(&mut inputs);
        Self {
            method,
            path,
            family: ApiFamily::V2,
            id: function_name::<H>(),
            tag: "",
            summary: "",
            description: "",
            access: Access::Scope(Scope::Admin),
            inputs,
            responses: Vec::new(),
            errors: Vec::new(),
            has_side_effects: false,
            max_body_mb: MAX_BODY_MB,
            has_own_transactions: false,
            ignores_unknown_input: false,
            audited: None,
            pool: PoolKind::Requests,
            handler: Rc::new(move |context| handler.handle(context)),
        }
    }

    /// The operation is one of the affiliate API.
    pub fn affiliate_api(mut self) -> Self {
        self.family = ApiFamily::Affiliate;
        self
    }

    /// The section of the document.
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    pub fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// The scope that the caller must have. It is documented and enforced.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.access = Access::Scope(scope);
        self
    }

    /// Who may call it, if that is no scope.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The pool of connections, where it is not that of most requests.
    pub fn pool(mut self, pool: PoolKind) -> Self {
        self.pool = pool;
        self
    }

    /// The operation is a GET that changes something, for callers that know no other method.
    /// Its transaction may write, and the API key may stand in the query.
    pub fn get_with_side_effects(mut self) -> Self {
        self.has_side_effects = true;
        self
    }

    /// The limit of the body, where it is not that of most operations.
    pub fn max_body_mb(mut self, max_body_mb: usize) -> Self {
        self.max_body_mb = max_body_mb;
        self
    }

    /// The handler changes many things in several transactions of its own, each of which has
    /// the usual limit of time, so that the request may take longer. The request's own
    /// transaction has nothing but the response to an `Idempotency-Key`: if the request fails,
    /// what was committed before stays, and it must do no harm to send the request again.
    pub fn own_transactions(mut self) -> Self {
        self.has_own_transactions = true;
        self
    }

    /// Parameters and fields that the operation does not have are no errors, because its
    /// documented form accepts them. The header `Waypost-Ignored` of the response names them.
    pub fn ignores_unknown_input(mut self) -> Self {
        self.ignores_unknown_input = true;
        self
    }

    /// The operation creates an object; `id` is the JSON pointer to its id in the response.
    pub fn audits_creation(mut self, kind: ObjectKind, id: &'static str) -> Self {
        self.audited = Some(Audited::Creation { kind, id });
        self
    }

    /// The operation changes the object of its path; `id` is the JSON pointer to its id in the
    /// response of the GET of the object.
    pub fn audits_change(mut self, kind: ObjectKind, id: &'static str) -> Self {
        self.audited = Some(Audited::Change { kind, id });
        self
    }

    /// The operation changes many objects; `ids` is the field with the id of each in the arrays
    /// of the response.
    pub fn audits_many(mut self, kind: ObjectKind, ids: &'static str) -> Self {
        self.audited = Some(Audited::Many { kind, ids });
        self
    }

    /// The handler itself notes what it changes, for operations that are about users rather than
    /// about an account. Nothing is written if it notes nothing.
    pub fn audits_what_is_noted(mut self, kind: ObjectKind) -> Self {
        self.audited = Some(Audited::Noted { kind });
        self
    }

    /// The operation is no GET and changes nothing.
    pub fn changes_nothing(mut self) -> Self {
        self.audited = Some(Audited::Nothing);
        self
    }

    /// Examples of the body, whose schema is that of the handler's argument.
    pub fn request_examples(mut self, examples: impl IntoIterator<Item = Value>) -> Self {
        self.body_mut().examples.extend(examples);
        self
    }

    /// Fields of the body that must be there and must not be null or empty.
    pub fn required_fields(mut self, fields: impl IntoIterator<Item = &'static str>) -> Self {
        self.body_mut().required.extend(fields);
        self
    }

    fn body_mut(&mut self) -> &mut BodySpec {
        let body = self.inputs.body.as_mut();
        body.expect("the handler has a body among its arguments")
    }

    /// A JSON response, with an example.
    pub fn response<T: JsonSchema>(self, status: u16, example: Value) -> Self {
        self.response_with_content(status, "Success", Content::Json(schema_for::<T>, example))
    }

    /// A response of any content. Several of one status are one response in several formats.
    pub fn response_with_content(
        mut self,
        status: u16,
        description: &'static str,
        content: Content,
    ) -> Self {
        self.responses.push(ResponseSpec {
            status: StatusCode::from_u16(status).expect("statuses are from 100 to 999"),
            description,
            content,
        });
        self
    }

    /// Errors of this operation, beside those that every operation of its kind has. Each stands
    /// in the document with its status, code and sentence.
    pub fn errors(mut self, errors: impl IntoIterator<Item = ApiError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// The paths that the server has for it, the documented one first.
    pub(super) fn paths(&self) -> Vec<String> {
        let bases: &[&str] = match self.family {
            ApiFamily::V2 => &["/api/v2", "/v2"],
            ApiFamily::Affiliate => &["/api"],
        };
        bases
            .iter()
            .map(|base| format!("{base}{}", self.path))
            .collect()
    }

    /// Whether the body is read. That of a POST is part of what its Idempotency-Key stands
    /// for, even if the operation takes no body.
    pub(super) fn reads_body(&self) -> bool {
        self.inputs.body.is_some() || self.takes_idempotency_key()
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.method == Method::GET && !self.has_side_effects
    }

    /// Whether browsers open it as a page, also from another site.
    pub(super) fn is_navigation(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether it is the GET of one object, whose responses have an `ETag`.
    pub(super) fn reads_object(&self) -> bool {
        self.is_read_only() && self.path.ends_with('}')
    }

    /// Whether it changes one object that a GET of the same path reads.
    pub(super) fn changes_object(&self) -> bool {
        let changes = [Method::PUT, Method::PATCH, Method::DELETE].contains(&self.method);
        changes && self.path.ends_with('}')
    }

    /// What the audit trail says of it. The server does not start with an operation that changes
    /// something and does not declare that.
    pub fn audited(&self) -> Audited {
        match self.audited {
            Some(audited) => audited,
            None if self.is_read_only() => Audited::Nothing,
            None => panic!(
                "{} does not declare what the audit trail says of it",
                self.id
            ),
        }
    }

    pub(super) fn deletes(&self) -> bool {
        self.method == Method::DELETE
    }

    /// The names of its query parameters.
    pub(super) fn parameter_names(&self) -> Vec<&'static str> {
        let parameters = self.inputs.query_parameters.iter();
        parameters.map(|parameter| parameter.name).collect()
    }

    pub(super) fn is_post(&self) -> bool {
        self.method == Method::POST
    }

    /// Whether an Idempotency-Key counts, which is one of an account.
    pub(super) fn takes_idempotency_key(&self) -> bool {
        self.is_post() && matches!(self.access, Access::Scope(_))
    }
}

/// The last part of a function's path: the type of a function is named like the function.
fn function_name<F>() -> &'static str {
    let path = type_name::<F>();
    path.rsplit("::").next().unwrap_or(path)
}
