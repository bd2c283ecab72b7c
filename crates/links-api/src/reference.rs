//! The OpenAPI document at `/openapi.json` and a reference to browse at
//! `/docs/`, from files in the binary.

use actix_web::{HttpResponse, http::header, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{api, serve::operations};

pub fn configure(config: &mut web::ServiceConfig) {
    let document = web::Bytes::from(api::document(&operations()).to_string());
    let ui = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .persist_authorization(false)
        // No document of ours is sent to somebody else to be checked.
        .validator_url("none");
    config
        .route(
            "/openapi.json",
            web::get().to(move || {
                let document = document.clone();
                async move {
                    HttpResponse::Ok()
                        .content_type("application/json")
                        .body(document)
                }
            }),
        )
        .route(
            "/docs",
            web::get().to(|| async {
                HttpResponse::PermanentRedirect()
                    .insert_header((header::LOCATION, "/docs/"))
                    .finish()
            }),
        )
        .service(SwaggerUi::new("/docs/{_:.*}").config(ui));
}
