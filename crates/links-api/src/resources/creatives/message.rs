//! The messages of a request that renders or previews them, and their validation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::request::MAX_MESSAGE;
use crate::{
    error::ApiError,
    fields::{PhoneNumber, Text, non_empty},
};

const MAX_VARIABLES: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageRequest {
    /// 1 to 255 characters. Required.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// In E.164. Required.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// Texts of at most 1,600 characters by the names of variables.
    variables: Option<BTreeMap<String, String>>,
}

/// A valid message.
#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub contact_phone: String,
    pub variables: BTreeMap<String, String>,
}

impl MessageRequest {
    /// `index` is that of the message in the request, for errors.
    pub fn validate(self, index: usize) -> Result<Message, ApiError> {
        let field = |name: &str| format!("messages[{index}].{name}");
        let missing = |name: &str| ApiError::invalid_field(field(name), "it is required");
        let id = non_empty(&self.message_id).ok_or_else(|| missing("messageId"))?;
        if id.chars().count() > 255 {
            return Err(ApiError::invalid_field(
                field("messageId"),
                "it exceeds 255 characters",
            ));
        }
        let phone = non_empty(&self.contact_phone).ok_or_else(|| missing("contactPhone"))?;
        let phone = PhoneNumber::parse(phone)
            .ok_or_else(|| ApiError::InvalidPhoneAt(field("contactPhone")))?;
        let variables = self.variables.unwrap_or_default();
        if variables.len() > MAX_VARIABLES {
            return Err(ApiError::invalid_field(
                field("variables"),
                "there are more than 100",
            ));
        }
        for (name, value) in &variables {
            if value.contains('\0') || value.chars().count() > MAX_MESSAGE {
                return Err(ApiError::invalid_field(
                    field(&format!("variables.{name}")),
                    "it exceeds 1,600 characters or has U+0000",
                ));
            }
        }
        Ok(Message {
            id: id.to_owned(),
            contact_phone: phone.as_str().to_owned(),
            variables,
        })
    }
}
