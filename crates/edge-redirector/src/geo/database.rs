//! One GeoIP database in MaxMind's format: reads and checks its file, and finds the record
//! of an address. A file is checked whole before it is used: a damaged one, or one of another
//! kind, would silently make every address unknown.

use std::{collections::HashSet, fmt, net::IpAddr, path::Path};

use anyhow::Context as _;
use domain::event::truncate_at_char;
use jiff::Timestamp;
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::{Deserialize, Deserializer, de};

use crate::metrics::{GeoDatabase, Metrics};

pub(super) type Database = Reader<Vec<u8>>;

/// The most bytes of the name of a region or city; the rest is cut off.
const MAX_PLACE_NAME_BYTES: usize = 100;

/// Where an address is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// The code of the largest subdivision (ISO 3166-2), as in US-CA, or its name.
    pub region: Option<String>,
    /// The English name.
    pub city: Option<String>,
}

/// MaxMind's records are `{country: {iso_code}, subdivisions: [{iso_code}], city: {names: {en}}}`,
/// those of ip-location-db `{country_code, state1, city}`. Databases of countries have no region
/// and city.
#[derive(Deserialize)]
struct LocationRecord<'d> {
    #[serde(borrow)]
    country: Option<CodedPlace<'d>>,
    country_code: Option<&'d str>,
    #[serde(borrow, default)]
    subdivisions: Vec<CodedPlace<'d>>,
    state1: Option<&'d str>,
    #[serde(borrow)]
    city: Option<City<'d>>,
}

#[derive(Deserialize)]
struct CodedPlace<'d> {
    iso_code: Option<&'d str>,
}

#[derive(Deserialize)]
struct EnglishName<'d> {
    en: Option<&'d str>,
}

/// The English name of a city, from a text or from `{names: {en}}`.
struct City<'d>(Option<&'d str>);

impl<'de: 'd, 'd> Deserialize<'de> for City<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CityVisitor)
    }
}

struct CityVisitor;

impl<'de> de::Visitor<'de> for CityVisitor {
    type Value = City<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a city, or a map with its names")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<City<'de>, E> {
        Ok(City(Some(name)))
    }

    fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<City<'de>, M::Error> {
        let mut city = City(None);
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "names" => city.0 = map.next_value::<EnglishName<'de>>()?.en,
                _ => drop(map.next_value::<de::IgnoredAny>()?),
            }
        }
        Ok(city)
    }
}

impl LocationRecord<'_> {
    fn into_location(self) -> Location {
        let country = self.code().map(str::to_ascii_uppercase);
        let subdivision = self.subdivisions.first().and_then(|place| place.iso_code);
        let region = match (&country, subdivision) {
            (Some(country), Some(code)) => Some(format!("{country}-{code}")),
            _ => self.state1.and_then(place_name),
        };
        Location {
            country,
            region,
            city: self.city.and_then(|City(name)| place_name(name?)),
        }
    }

    fn code(&self) -> Option<&str> {
        let iso_code = self.country.as_ref().and_then(|country| country.iso_code);
        let code = iso_code.or(self.country_code)?;
        let is_valid = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_valid.then_some(code)
    }
}

#[derive(Deserialize)]
struct AsnRecord {
    autonomous_system_number: Option<u32>,
}

/// A name without the characters that Postgres or a table could not show. `None` if it is empty.
fn place_name(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = truncate_at_char(name.trim(), MAX_PLACE_NAME_BYTES);
    (!name.is_empty()).then(|| name.to_owned())
}

/// Finds where an address is. Fails if the database is damaged where the record should be.
pub(super) fn find_location(database: &Database, ip: IpAddr) -> Result<Location, MaxMindDbError> {
    if !has_address_family(database, ip) {
        return Ok(Location::default());
    }
    let record: Option<LocationRecord> = database.lookup(ip)?.decode()?;
    Ok(record
        .map(LocationRecord::into_location)
        .unwrap_or_default())
}

/// The number of the autonomous system of an address. Fails as [`find_location`].
pub(super) fn find_asn(database: &Database, ip: IpAddr) -> Result<Option<u32>, MaxMindDbError> {
    if !has_address_family(database, ip) {
        return Ok(None);
    }
    let record: Option<AsnRecord> = database.lookup(ip)?.decode()?;
    Ok(record.and_then(|record| record.autonomous_system_number))
}

/// Whether the database has addresses of this family: some have IPv4 only.
fn has_address_family(database: &Database, ip: IpAddr) -> bool {
    database.metadata().ip_version == 6 || ip.is_ipv4()
}

impl GeoDatabase {
    /// The setting with the path of the file.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Country => "GEOIP_COUNTRY_DB",
            Self::Asn => "GEOIP_ASN_DB",
        }
    }

    /// What the records of such a database have.
    fn content(self) -> &'static str {
        match self {
            Self::Country => "countries",
            Self::Asn => "autonomous systems",
        }
    }

    /// Whether the name of a database's type says that it is of another kind. Names are
    /// free: a name that says nothing is accepted, and the records decide.
    fn is_refused_by_name(self, database_type: &str) -> bool {
        const COUNTRIES: &[&str] = &["country", "city", "enterprise"];
        const SYSTEMS: &[&str] = &["asn", "isp"];
        const OTHERS: &[&str] = &["anonymous", "connection-type", "domain"];
        let name = database_type.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match self {
            Self::Country => !has(COUNTRIES) && (has(SYSTEMS) || has(OTHERS)),
            Self::Asn => !has(SYSTEMS) && (has(COUNTRIES) || has(OTHERS)),
        }
    }
}

/// Reads and checks a database, and logs and exports what it is. Reads the whole file into
/// memory: a file may be replaced at any time, and a mapped one would change in use.
pub(super) fn load(kind: GeoDatabase, path: &Path, metrics: &Metrics) -> anyhow::Result<Database> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let database = Reader::from_source(bytes)
        .map_err(anyhow::Error::from)
        .and_then(|database| check(kind, &database).map(|()| database))
        .with_context(|| format!("{} cannot be used", path.display()))?;
    let metadata = database.metadata();
    let build_s = i64::try_from(metadata.build_epoch).unwrap_or(0);
    let built_at = Timestamp::from_second(build_s).unwrap_or_default();
    tracing::info!(
        file = kind.setting(),
        path = %path.display(),
        database.type = metadata.database_type,
        database.built_at = %built_at,
        "GeoIP database loaded"
    );
    metrics.set_geo_database(kind, &metadata.database_type, build_s);
    Ok(database)
}

/// Checks the search tree and decodes every record once. At least half of the records must
/// have what the database is for: some databases have records of networks without it.
fn check(kind: GeoDatabase, database: &Database) -> anyhow::Result<()> {
    let metadata = database.metadata();
    let database_type = &metadata.database_type;
    anyhow::ensure!(
        !kind.is_refused_by_name(database_type),
        "its type is {database_type:?}, not a database of {}",
        kind.content()
    );
    // A tree cannot have more networks than this: a damaged one may have a circle.
    let max_networks = usize::try_from(metadata.node_count)?.saturating_mul(3);
    let mut record_offsets = HashSet::new();
    let (mut n_networks, mut n_with_content) = (0_usize, 0_usize);
    for network in database.networks(WithinOptions::default().include_networks_without_data())? {
        let network = network?;
        n_networks += 1;
        anyhow::ensure!(n_networks <= max_networks, "its search tree is damaged");
        let Some(offset) = network.offset() else {
            continue;
        };
        if !record_offsets.insert(offset) {
            continue;
        }
        let has_content = match kind {
            GeoDatabase::Country => {
                let record: Option<LocationRecord> = network.decode()?;
                record.is_some_and(|record| record.code().is_some())
            }
            GeoDatabase::Asn => {
                let record: Option<AsnRecord> = network.decode()?;
                record.is_some_and(|record| record.autonomous_system_number.is_some())
            }
        };
        n_with_content += usize::from(has_content);
    }
    let n_records = record_offsets.len();
    anyhow::ensure!(
        n_with_content > 0 && n_with_content * 2 >= n_records,
        "only {n_with_content} of its {n_records} records have {}",
        kind.content(),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use maxminddb_writer::{Database as Writer, paths::IpAddrWithMask};
    use prometheus_client::registry::Registry;

    use super::*;

    fn database<R: serde::Serialize>(database_type: &str, records: &[(&str, R)]) -> Vec<u8> {
        let mut database = Writer::default();
        database.metadata.binary_format_major_version = 2;
        database.metadata.database_type = database_type.to_owned();
        for (network, record) in records {
            let value = database.insert_value(record).unwrap();
            let network: IpAddrWithMask = network.parse().unwrap();
            database.insert_node(network, value);
        }
        let mut bytes = Vec::new();
        database.write_to(&mut bytes).unwrap();
        bytes
    }

    fn countries(database_type: &str) -> Vec<u8> {
        let record = |code| HashMap::from([("country", HashMap::from([("iso_code", code)]))]);
        let records = [
            ("203.0.113.0/24", record("US")),
            ("198.51.100.0/24", record("VN")),
            ("192.0.2.0/25", record("DE")),
        ];
        database(database_type, &records)
    }

    fn asns(database_type: &str) -> Vec<u8> {
        let record = |number: u32| HashMap::from([("autonomous_system_number", number)]);
        let records = [
            ("203.0.113.0/24", record(1)),
            ("198.51.100.0/24", record(2)),
        ];
        database(database_type, &records)
    }

    fn load_bytes(kind: GeoDatabase, bytes: &[u8]) -> Result<Database, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let metrics = Metrics::register(&mut Registry::default());
        load(kind, file.path(), &metrics).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_database_of_another_kind_is_refused() {
        let connections = HashMap::from([("connection_type", "Cellular")]);
        let connections = database("mine", &[("203.0.113.0/24", connections)]);
        let table = [
            (GeoDatabase::Country, countries("GeoLite2-Country"), true),
            (GeoDatabase::Country, countries("mine"), true),
            (GeoDatabase::Asn, asns("GeoLite2-ASN"), true),
            (GeoDatabase::Asn, asns("GeoIP2-ISP"), true),
            (GeoDatabase::Asn, asns("mine"), true),
            (GeoDatabase::Country, asns("GeoLite2-ASN"), false),
            (GeoDatabase::Country, asns("mine"), false),
            (GeoDatabase::Asn, countries("GeoLite2-City"), false),
            (GeoDatabase::Asn, countries("mine"), false),
            // These are refused by their names.
            (
                GeoDatabase::Country,
                countries("GeoIP2-Anonymous-IP"),
                false,
            ),
            (GeoDatabase::Asn, asns("GeoLite2-Country"), false),
            (GeoDatabase::Country, connections.clone(), false),
            (GeoDatabase::Asn, connections, false),
        ];
        for (kind, bytes, is_accepted) in table {
            let loaded = load_bytes(kind, &bytes);
            assert_eq!(loaded.is_ok(), is_accepted, "{kind:?}: {:?}", loaded.err());
        }
    }

    /// Damage that the check does not notice costs some records, but not all: a wrong byte
    /// may be in the name of one country.
    #[test]
    fn a_damaged_database_is_refused_or_still_finds_some_addresses() {
        let undamaged = countries("GeoLite2-Country");
        let ips = ["203.0.113.9", "198.51.100.9", "192.0.2.9"].map(|ip| ip.parse().unwrap());
        let n_found = |database: &Database| {
            let locations = ips.iter().map(|ip| find_location(database, *ip));
            locations
                .filter(|location| matches!(location, Ok(location) if location.country.is_some()))
                .count()
        };
        assert_eq!(
            load_bytes(GeoDatabase::Country, &undamaged).map(|db| n_found(&db)),
            Ok(3)
        );
        for len in (0..undamaged.len()).step_by(7) {
            let loaded = load_bytes(GeoDatabase::Country, &undamaged[..len]);
            assert!(loaded.is_err(), "{len} bytes are accepted");
        }
        for n_zeros in [16, 64, 256] {
            for offset in (0..undamaged.len().saturating_sub(n_zeros)).step_by(n_zeros) {
                let mut damaged = undamaged.clone();
                damaged[offset..offset + n_zeros].fill(0);
                if let Ok(database) = load_bytes(GeoDatabase::Country, &damaged) {
                    assert!(n_found(&database) > 0, "{n_zeros} zeros at {offset}");
                }
            }
        }
        assert!(load_bytes(GeoDatabase::Country, b"").is_err());
        assert!(load_bytes(GeoDatabase::Country, b"<html>not found</html>").is_err());
    }

    #[test]
    fn regions_and_cities_are_found_in_both_forms_of_records() {
        let of_maxmind = serde_json::json!({
            "city": { "geoname_id": 1, "names": { "de": "Kalifornien", "en": "Los Angeles" } },
            "country": { "iso_code": "US" },
            "subdivisions": [{ "iso_code": "CA", "names": { "en": "California" } }],
        });
        let of_ip_location_db = serde_json::json!({
            "city": "Munich", "country_code": "de", "state1": "Bavaria", "latitude": 48.1,
        });
        let without_city = serde_json::json!({ "country": { "iso_code": "FR" } });
        let database = database(
            "GeoLite2-City",
            &[
                ("203.0.113.0/24", of_maxmind),
                ("198.51.100.0/24", of_ip_location_db),
                ("192.0.2.0/24", without_city),
            ],
        );
        let database = load_bytes(GeoDatabase::Country, &database).unwrap();
        for (ip, expected) in [
            ("203.0.113.9", ["US", "US-CA", "Los Angeles"]),
            ("198.51.100.9", ["DE", "Bavaria", "Munich"]),
            ("192.0.2.9", ["FR", "", ""]),
        ] {
            let location = find_location(&database, ip.parse().unwrap()).unwrap();
            let found = [location.country, location.region, location.city];
            assert_eq!(found.map(Option::unwrap_or_default), expected, "{ip}");
        }
    }

    #[test]
    fn an_address_without_a_record_is_unknown_and_not_a_failure() {
        let database = load_bytes(GeoDatabase::Country, &countries("mine")).unwrap();
        for ip in ["192.0.2.200", "2001:db8::1"] {
            assert_eq!(
                find_location(&database, ip.parse().unwrap()).unwrap(),
                Location::default(),
                "{ip}"
            );
        }
    }
}
