//! `/api/v2/me/sessions`: where the user is signed in.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::user::own_user;
use crate::{
    db::sessions::{self, SessionRow},
    error::ApiError,
    fields::{
        Timestamp,
        ids::{SessionId, UserId},
    },
    http::{RequestContext, Response},
    user_changes::{done, note_own_change},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnSessions")]
pub struct SessionsObject {
    /// The last used first; at most 100.
    sessions: Vec<OwnSession>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OwnSession {
    id: i64,
    /// Whether it is that of the request.
    is_current: bool,
    /// The address and the user agent with which it began.
    ip: String,
    user_agent: String,
    created_at: Timestamp,
    /// To the minute.
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EndedSessions")]
pub struct EndedSessions {
    success: bool,
    /// How many sessions have ended.
    ended: u64,
}

impl SessionsObject {
    pub fn example() -> Value {
        json!({ "sessions": [{
            "id": 11,
            "is_current": true,
            "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
            "created_at": "2026-03-10T08:15:00.000Z",
            "last_used_at": "2026-03-10T09:00:00.000Z",
            "expires_at": "2026-04-09T08:15:00.000Z",
        }] })
    }
}

impl EndedSessions {
    pub fn example() -> Value {
        json!({ "success": true, "ended": 2 })
    }
}

impl OwnSession {
    fn new(row: SessionRow, current_id: i64) -> Self {
        Self {
            id: row.id.0,
            is_current: row.id.0 == current_id,
            ip: row.ip.to_string(),
            user_agent: row.user_agent,
            created_at: Timestamp(row.created_at),
            last_used_at: Timestamp(row.last_used_at),
            expires_at: Timestamp(row.expires_at),
        }
    }
}

pub async fn list_own_sessions(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let session = context.caller.user()?;
    let idle_timeout = context.state.sign_in.idle_timeout;
    let rows = sessions::select(context.db, UserId(session.user_id), idle_timeout).await?;
    let sessions = rows.into_iter();
    Response::ok(&SessionsObject {
        sessions: sessions
            .map(|row| OwnSession::new(row, session.session_id))
            .collect(),
    })
}

/// All but that of the request.
pub async fn end_other_sessions(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let user = own_user(context).await?;
    let current = SessionId(context.caller.user()?.session_id);
    let ended = sessions::delete_others(context.db, user.id, Some(current)).await?;
    let change = done(current.0, json!({ "ended_other_sessions": ended }));
    note_own_change(context, &user, change).await?;
    Response::ok(&EndedSessions {
        success: true,
        ended,
    })
}

pub async fn end_own_session(
    context: RequestContext<'_>,
    id: SessionId,
) -> Result<Response, ApiError> {
    let user = own_user(context).await?;
    if !sessions::delete(context.db, user.id, id).await? {
        return Err(ApiError::NotFound("session"));
    }
    let change = done(id.0, json!({ "ended": true }));
    note_own_change(context, &user, change).await?;
    Response::ok(&EndedSessions {
        success: true,
        ended: 1,
    })
}
