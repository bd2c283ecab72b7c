//! Small databases in MaxMind's format.

use std::{collections::HashMap, path::Path};

use maxminddb_writer::{Database, paths::IpAddrWithMask};

/// Writes a database of countries by network, with records in the form of MaxMind's own
/// databases: `{country: {iso_code}}`. Replaces an existing file atomically.
pub fn write_countries(path: &Path, countries: &[(&str, &str)]) {
    write(path, "GeoLite2-Country", countries, |code| {
        HashMap::from([("country", HashMap::from([("iso_code", code)]))])
    });
}

/// The same with records in the form of ip-location-db: `{country_code}`.
pub fn write_flat_countries(path: &Path, countries: &[(&str, &str)]) {
    write(path, "geo-country", countries, |code| {
        HashMap::from([("country_code", code)])
    });
}

/// Writes a database of autonomous systems by network.
pub fn write_asns(path: &Path, asns: &[(&str, u32)]) {
    write(path, "GeoLite2-ASN", asns, |asn| {
        HashMap::from([("autonomous_system_number", asn)])
    });
}

fn write<T: Copy, R: serde::Serialize>(
    path: &Path,
    database_type: &str,
    networks: &[(&str, T)],
    record: impl Fn(T) -> R,
) {
    let mut database = Database::default();
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = database_type.to_owned();
    for (network, value) in networks {
        let value = database.insert_value(record(*value)).expect("it is plain");
        let network: IpAddrWithMask = network.parse().expect("a network");
        database.insert_node(network, value);
    }
    let new = path.with_extension("new");
    let file = std::fs::File::create(&new).expect("a file");
    database.write_to(file).expect("it is written");
    std::fs::rename(new, path).expect("it is put in its place");
}
