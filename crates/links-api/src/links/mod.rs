//! Links of surface A, at `/api/v2/links` and `/v2/links` alike.

mod create;

use actix_web::web;

use crate::body;

pub fn configure(config: &mut web::ServiceConfig) {
    for path in ["/api/v2/links", "/v2/links"] {
        config.service(
            web::resource(path)
                .route(web::post().to(create::create_link))
                .default_service(web::to(body::wrong_method)),
        );
    }
}
