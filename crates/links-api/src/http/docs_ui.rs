//! The OpenAPI document at `/openapi.json`, and Swagger UI at `/docs/` to browse it. Its
//! files are part of the binary, so that browsers load nothing from other hosts.

use actix_web::{HttpResponse, http::header, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Registers the routes of the document and its browser. `document` is the JSON text.
pub fn configure(document: web::Bytes, config: &mut web::ServiceConfig) {
    let ui = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .persist_authorization(false)
        // The default is a public service, which would get our document to validate it.
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
