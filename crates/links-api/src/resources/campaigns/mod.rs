//! Campaigns of the affiliate API: affiliate programs that links belong to.

mod handlers;
mod object;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, FieldError},
    http::{Content, Operation},
};
use handlers::{create_campaign, delete_campaign, get_campaign, list_campaigns, update_campaign};
use object::{CampaignObject, Campaigns};

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("campaign");
    let invalid =
        || ApiError::Validation(vec![FieldError::new("landing_page_url", "it is required")]);
    vec![
        Operation::get("/campaigns", list_campaigns)
            .summary("List campaigns")
            .description("The newest first.")
            .response::<Campaigns>(200, Campaigns::example()),
        Operation::post("/campaigns", create_campaign)
            .audits_creation(ObjectKind::Campaign, "/id")
            .summary("Create a campaign")
            .request_examples([json!({
                "name": "Spring",
                "landing_page_url": "https://example.com/spring",
            })])
            .required_fields(["name", "landing_page_url"])
            .response::<CampaignObject>(201, CampaignObject::example())
            .errors([invalid()]),
        Operation::get("/campaigns/{campaign_id}", get_campaign)
            .summary("Get a campaign")
            .response::<CampaignObject>(200, CampaignObject::example())
            .errors([not_found()]),
        Operation::patch("/campaigns/{campaign_id}", update_campaign)
            .audits_change(ObjectKind::Campaign, "/id")
            .summary("Update a campaign")
            .description(
                "Updates the given fields; redirectors apply the change to its links within a \
                 second. Links of a campaign that is not active lead to the 404 page.",
            )
            .request_examples([json!({ "status": "paused" })])
            .response::<CampaignObject>(200, CampaignObject::example())
            .errors([invalid(), not_found()]),
        Operation::delete("/campaigns/{campaign_id}", delete_campaign)
            .audits_change(ObjectKind::Campaign, "/id")
            .summary("Delete a campaign")
            .description("Only a campaign without links can be deleted.")
            .response_with_content(204, "Deleted.", Content::Empty)
            .errors([not_found(), ApiError::CampaignInUse]),
    ]
    .into_iter()
    .map(|operation| {
        operation
            .affiliate_api()
            .scope(Scope::Campaigns)
            .tag("campaigns")
    })
    .collect()
}
