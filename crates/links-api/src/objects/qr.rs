//! The QR codes of links.

use qrcode::{Color, EcLevel, QrCode, render::svg};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    error::ApiError,
    http::{BoundedInteger, Content, Operation, QueryParameters, Response},
};

const DEFAULT_SIZE: u32 = 512;
const MIN_SIZE: i64 = 64;
const MAX_SIZE: i64 = 2048;
/// Modules around the code that scanners need.
const QUIET_ZONE: u32 = 4;

pub const SVG: &str = "image/svg+xml";
pub const PNG: &str = "image/png";

#[derive(Debug, Deserialize, JsonSchema)]
pub struct QrQuery {
    /// Pixels of a side. Modules are whole pixels, so that the side can be a little shorter.
    #[schemars(extend("minimum" = MIN_SIZE, "maximum" = MAX_SIZE, "default" = DEFAULT_SIZE))]
    size: Option<BoundedInteger<MIN_SIZE, MAX_SIZE>>,
    /// Error correction, M by default.
    level: Option<ErrorCorrection>,
}

impl QueryParameters for QrQuery {}

/// How much of a code may be damaged, in the letters of the standard.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum ErrorCorrection {
    L,
    M,
    Q,
    H,
}

/// Describes the operation for the document. `summary` is its title.
pub fn describe(
    operation: Operation,
    summary: &'static str,
    content_type: &'static str,
) -> Operation {
    operation
        .summary(summary)
        .description("Black on white, with the quiet zone that scanners need.")
        .response_with_content(200, "The image.", Content::Bytes(content_type))
}

pub fn svg_response(url: &str, query: &QrQuery) -> Result<Response, ApiError> {
    let image = query
        .code(url)?
        .render::<svg::Color<'_>>()
        .quiet_zone(true)
        .min_dimensions(query.size(), query.size())
        .build();
    Ok(Response::bytes(SVG, image.into_bytes()))
}

pub fn png_response(url: &str, query: &QrQuery) -> Result<Response, ApiError> {
    let image = draw_png(&query.code(url)?, query.size())?;
    Ok(Response::bytes(PNG, image))
}

impl QrQuery {
    fn size(&self) -> u32 {
        self.size.map_or(DEFAULT_SIZE, BoundedInteger::get)
    }

    fn code(&self, url: &str) -> Result<QrCode, ApiError> {
        let level = match self.level {
            Some(ErrorCorrection::L) => EcLevel::L,
            Some(ErrorCorrection::M) | None => EcLevel::M,
            Some(ErrorCorrection::Q) => EcLevel::Q,
            Some(ErrorCorrection::H) => EcLevel::H,
        };
        QrCode::with_error_correction_level(url, level).map_err(ApiError::internal)
    }
}

/// Draws the code with one bit per pixel.
fn draw_png(code: &QrCode, size: u32) -> Result<Vec<u8>, ApiError> {
    let width = u32::try_from(code.width()).map_err(ApiError::internal)?;
    let modules = width + 2 * QUIET_ZONE;
    let scale = (size / modules).max(1);
    let side = modules * scale;
    let colors = code.to_colors();
    let is_dark = |x: u32, y: u32| {
        let module = |pixel: u32| {
            (pixel / scale)
                .checked_sub(QUIET_ZONE)
                .filter(|module| *module < width)
        };
        let (Some(x), Some(y)) = (module(x), module(y)) else {
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
