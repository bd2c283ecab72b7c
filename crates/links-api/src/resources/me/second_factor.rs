//! `/api/v2/me/totp`: the second factor of the user.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::user::{Proof, own_user};
use crate::{
    db::second_factors,
    error::ApiError,
    fields::{Text, present},
    http::{RequestBody, RequestContext, Response, success_body},
    second_factor::{self, Enrolment},
    user_changes::{done, note_own_change},
};

/// What an authenticator app is set up with.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TotpEnrolment")]
pub struct EnrolmentObject {
    /// The secret in base32, for apps that cannot read the QR code.
    secret: String,
    /// What the QR code has.
    otpauth_url: String,
}

impl EnrolmentObject {
    pub fn example() -> Value {
        json!({
            "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
            "otpauth_url": "otpauth://totp/Waypost:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Waypost",
        })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RecoveryCodes")]
pub struct RecoveryCodesObject {
    /// Each signs the user in once without the app. They are shown only now.
    recovery_codes: Vec<String>,
}

impl RecoveryCodesObject {
    pub fn example() -> Value {
        json!({ "recovery_codes": ["h4kd-9wxm-q2rt-7npb", "c8vz-3jfy-5ugs-mekw"] })
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SecondFactorCode")]
pub struct CodeRequest {
    /// A code of the app. To remove the second factor, a recovery code will do too.
    code: Option<Text>,
}

impl RequestBody for CodeRequest {}

success_body! {
    #[schemars(rename = "RemovedSecondFactor")]
    pub struct RemovedSecondFactor { removed }
}

/// Gives a secret for an app. Sign-in does not ask for codes before one is confirmed.
pub async fn start_second_factor(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let user = own_user(context).await?;
    if user.has_second_factor {
        return Err(ApiError::SecondFactorExists);
    }
    let enrolment = Enrolment::generate(&user.email)?;
    second_factors::set_secret(context.db, user.id, &enrolment.secret).await?;
    let change = done(user.id.0, json!({ "second_factor": "begun" }));
    note_own_change(context, &user, change).await?;
    Response::created(&EnrolmentObject {
        secret: enrolment.text,
        otpauth_url: enrolment.url,
    })
}

pub async fn confirm_second_factor(
    context: RequestContext<'_>,
    body: CodeRequest,
) -> Result<Response, ApiError> {
    let code = present(&body.code, "code")?;
    let user = own_user(context).await?;
    if user.has_second_factor {
        return Err(ApiError::SecondFactorExists);
    }
    let proof = Proof::begin(context, &user).await?;
    if !second_factor::use_code(context.db, &user, code, context.unix_s()).await? {
        return Err(ApiError::WrongCode);
    }
    proof.succeed(context).await;
    second_factors::confirm(context.db, user.id).await?;
    let (recovery_codes, digests) = second_factor::generate_recovery_codes();
    second_factors::set_recovery_codes(context.db, user.id, &digests).await?;
    let change = done(user.id.0, json!({ "second_factor": "enabled" }));
    note_own_change(context, &user, change).await?;
    Response::ok(&RecoveryCodesObject { recovery_codes })
}

pub async fn remove_second_factor(
    context: RequestContext<'_>,
    body: CodeRequest,
) -> Result<Response, ApiError> {
    let code = present(&body.code, "code")?;
    let user = own_user(context).await?;
    if !user.has_second_factor {
        return Err(ApiError::NotFound("second factor"));
    }
    let proof = Proof::begin(context, &user).await?;
    if !second_factor::use_any_code(context.db, &user, code, context.unix_s()).await? {
        return Err(ApiError::WrongCode);
    }
    proof.succeed(context).await;
    second_factors::delete(context.db, user.id).await?;
    let change = done(user.id.0, json!({ "second_factor": "removed" }));
    note_own_change(context, &user, change).await?;
    Response::ok(&RemovedSecondFactor::new())
}
