//! The QR code of a link: `.../qr.svg` and `.../qr.png`.

use actix_web::http::Method;
use domain::record::LinkRecord;
use qrcode::{Color, EcLevel, QrCode, render::svg};

use super::{
    get::{domain_parameter, link_find},
    object::short_url,
};
use crate::{
    auth::Scope,
    db::links::record_from_row,
    error::ApiError,
    http::{Operation, Parameter, RequestContext, Response},
};

const DEFAULT_SIZE: u32 = 512;
const SIZES: std::ops::RangeInclusive<i64> = 64..=2048;
const LEVELS: [&str; 4] = ["L", "M", "Q", "H"];
/// Modules around the code that scanners need.
const QUIET_ZONE: u32 = 4;

pub fn operations() -> [Operation; 2] {
    let svg = Operation::platform(
        Method::GET,
        "/links/{link_id}/qr.svg",
        "get_link_qr_svg",
        get_svg,
    );
    let png = Operation::platform(
        Method::GET,
        "/links/{link_id}/qr.png",
        "get_link_qr_png",
        get_png,
    );
    [
        documented(svg.parameter(domain_parameter()), "image/svg+xml"),
        documented(png.parameter(domain_parameter()), "image/png"),
    ]
    .map(|operation| {
        operation
            .scope(Scope::LinksRead)
            .tag("links")
            .errors([ApiError::NotFound("link"), ApiError::AmbiguousLinkId])
    })
}

/// What the operations of both APIs have in common.
pub fn documented(operation: Operation, content_type: &'static str) -> Operation {
    operation
        .summary("Get a link's QR code")
        .description("Black on white, with the quiet zone that scanners need.")
        .parameter(Parameter::with_schema(
            "size",
            "Pixels of a side; modules are whole pixels, so it can be a little less.",
            serde_json::json!({
                "type": "integer", "minimum": SIZES.start(), "maximum": SIZES.end(),
                "default": DEFAULT_SIZE,
            }),
        ))
        .parameter(Parameter::choice(
            "level",
            "Error correction, M by default.",
            &LEVELS,
        ))
        .response_with_content(200, "The image.", crate::http::Content::Bytes(content_type))
}

async fn get_svg(context: RequestContext<'_>) -> Result<Response, ApiError> {
    answer_svg(context, &record_from_row(&link_find(context).await?)?)
}

async fn get_png(context: RequestContext<'_>) -> Result<Response, ApiError> {
    answer_png(context, &record_from_row(&link_find(context).await?)?)
}

pub fn answer_svg(context: RequestContext<'_>, link: &LinkRecord) -> Result<Response, ApiError> {
    let (code, size) = code(context, link)?;
    let image = code
        .render::<svg::Color<'_>>()
        .quiet_zone(true)
        .min_dimensions(size, size)
        .build();
    Ok(Response::bytes("image/svg+xml", image.into_bytes()))
}

pub fn answer_png(context: RequestContext<'_>, link: &LinkRecord) -> Result<Response, ApiError> {
    let (code, size) = code(context, link)?;
    Ok(Response::bytes("image/png", png(&code, size)?))
}

fn code(context: RequestContext<'_>, link: &LinkRecord) -> Result<(QrCode, u32), ApiError> {
    let size = context.integer("size", SIZES)?;
    let size = size
        .and_then(|size| size.try_into().ok())
        .unwrap_or(DEFAULT_SIZE);
    let level = match context.choice("level", &LEVELS)? {
        Some("L") => EcLevel::L,
        Some("Q") => EcLevel::Q,
        Some("H") => EcLevel::H,
        _ => EcLevel::M,
    };
    let code = QrCode::with_error_correction_level(short_url(link), level);
    Ok((code.map_err(ApiError::internal)?, size))
}

/// One bit per pixel.
fn png(code: &QrCode, size: u32) -> Result<Vec<u8>, ApiError> {
    let width = u32::try_from(code.width()).map_err(ApiError::internal)?;
    let modules = width + 2 * QUIET_ZONE;
    let scale = (size / modules).max(1);
    let side = modules * scale;
    let colors = code.to_colors();
    let is_dark = |x: u32, y: u32| {
        let place = |pixel: u32| {
            (pixel / scale)
                .checked_sub(QUIET_ZONE)
                .filter(|m| *m < width)
        };
        let (Some(x), Some(y)) = (place(x), place(y)) else {
            return false;
        };
        colors[(y * width + x) as usize] == Color::Dark
    };
    let row_len = side.div_ceil(8) as usize;
    let mut rows = vec![0xff_u8; row_len * side as usize];
    for y in 0..side {
        for x in 0..side {
            if is_dark(x, y) {
                rows[y as usize * row_len + x as usize / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(ApiError::internal)?;
    writer.write_image_data(&rows).map_err(ApiError::internal)?;
    writer.finish().map_err(ApiError::internal)?;
    Ok(out)
}
