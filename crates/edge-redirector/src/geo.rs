//! Country and autonomous system of an address, from databases in MaxMind's
//! format. A file is looked through before it is used: one that is damaged or of another
//! kind would make every address unknown without a word.

use std::{
    collections::HashSet, net::IpAddr, path::Path, path::PathBuf, sync::Arc, time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use maxminddb::{Reader, WithinOptions};
use platform::{reloading_file::ReloadingFile, service::Shutdown};
use serde::Deserialize;

use crate::metrics::{GeoDatabase, GeoLookup, Metrics};

type Database = Reader<Vec<u8>>;

/// Either may be absent; then what it knows is unknown.
pub struct Geo {
    country: Option<Arc<ReloadingFile<Database>>>,
    asn: Option<Arc<ReloadingFile<Database>>>,
    metrics: Metrics,
}

/// MaxMind's records are `{country: {iso_code}}`, ip-location-db's
/// `{country_code}`.
#[derive(Deserialize)]
struct CountryRecord<'d> {
    #[serde(borrow)]
    country: Option<Country<'d>>,
    country_code: Option<&'d str>,
}

#[derive(Deserialize)]
struct Country<'d> {
    iso_code: Option<&'d str>,
}

impl CountryRecord<'_> {
    fn code(&self) -> Option<&str> {
        let code = self.country.as_ref().and_then(|country| country.iso_code);
        let code = code.or(self.country_code)?;
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_code.then_some(code)
    }
}

#[derive(Deserialize)]
struct AsnRecord {
    autonomous_system_number: Option<u32>,
}

impl Geo {
    /// Opens what is given, and follows its changes.
    pub fn open(
        country: Option<PathBuf>,
        asn: Option<PathBuf>,
        interval: Duration,
        metrics: Metrics,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let open = |kind: Kind, path: Option<PathBuf>| -> anyhow::Result<_> {
            let metrics = metrics.clone();
            let load = move |path: &Path| load(kind, path, &metrics);
            path.map(|path| ReloadingFile::open(kind.setting(), path, load, interval, shutdown))
                .transpose()
        };
        Ok(Self {
            country: open(Kind::Country, country)?,
            asn: open(Kind::Asn, asn)?,
            metrics,
        })
    }

    /// ISO 3166-1 alpha-2, upper case.
    pub fn country(&self, ip: IpAddr) -> Option<String> {
        let database = self.country.as_ref()?.get();
        let found = find_country(&database, ip);
        self.count(GeoDatabase::Country, &found);
        found.ok().flatten()
    }

    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        let database = self.asn.as_ref()?.get();
        let found = find_asn(&database, ip);
        self.count(GeoDatabase::Asn, &found);
        found.ok().flatten()
    }

    fn count<T>(&self, database: GeoDatabase, found: &Result<Option<T>, LookupFailed>) {
        let lookup = match found {
            Ok(Some(_)) => GeoLookup::Found,
            Ok(None) => GeoLookup::Unknown,
            Err(_) => GeoLookup::Failed,
        };
        self.metrics.geo_lookup(database, lookup);
    }
}

/// The database is damaged where it was looked into.
type LookupFailed = maxminddb::MaxMindDbError;

fn find_country(database: &Database, ip: IpAddr) -> Result<Option<String>, LookupFailed> {
    if !has_family(database, ip) {
        return Ok(None);
    }
    let record: Option<CountryRecord> = database.lookup(ip)?.decode()?;
    let code = record.as_ref().and_then(CountryRecord::code);
    Ok(code.map(str::to_ascii_uppercase))
}

fn find_asn(database: &Database, ip: IpAddr) -> Result<Option<u32>, LookupFailed> {
    if !has_family(database, ip) {
        return Ok(None);
    }
    let record: Option<AsnRecord> = database.lookup(ip)?.decode()?;
    Ok(record.and_then(|record| record.autonomous_system_number))
}

/// Whether the database has addresses of this family: some know IPv4 only.
fn has_family(database: &Database, ip: IpAddr) -> bool {
    database.metadata().ip_version == 6 || ip.is_ipv4()
}

/// What a database is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Country,
    Asn,
}

impl Kind {
    fn setting(self) -> &'static str {
        match self {
            Self::Country => "GEOIP_COUNTRY_DB",
            Self::Asn => "GEOIP_ASN_DB",
        }
    }

    fn database(self) -> GeoDatabase {
        match self {
            Self::Country => GeoDatabase::Country,
            Self::Asn => GeoDatabase::Asn,
        }
    }

    fn content(self) -> &'static str {
        match self {
            Self::Country => "countries",
            Self::Asn => "autonomous systems",
        }
    }

    /// Whether a database of this type is one of another kind, by its name. Names are free:
    /// what the database has in it decides about others.
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

/// Reads and checks a database, and says what it is. The whole file: a database is
/// replaced at any time, and what was mapped would change under us.
fn load(kind: Kind, path: &Path, metrics: &Metrics) -> anyhow::Result<Database> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let database = Reader::from_source(bytes)
        .map_err(anyhow::Error::from)
        .and_then(|database| check(kind, &database).map(|()| database))
        .with_context(|| format!("{} cannot be used", path.display()))?;
    let metadata = database.metadata();
    let build_s = i64::try_from(metadata.build_epoch).unwrap_or(0);
    let built = Timestamp::from_second(build_s).unwrap_or_default();
    tracing::info!(
        file = kind.setting(),
        path = %path.display(),
        database.type = metadata.database_type,
        database.built = %built,
        "a database of addresses is used"
    );
    metrics.geo_database(kind.database(), &metadata.database_type, build_s);
    Ok(database)
}

/// Looks through the tree and at every record once. At least half of the records must say
/// what the database is there for: some databases have records of networks without.
fn check(kind: Kind, database: &Database) -> anyhow::Result<()> {
    let metadata = database.metadata();
    let database_type = &metadata.database_type;
    anyhow::ensure!(
        !kind.is_refused_by_name(database_type),
        "its type is {database_type:?}: a database of {} is wanted",
        kind.content()
    );
    // No tree has more networks: a damaged one may lead in circles.
    let max_networks = usize::try_from(metadata.node_count)?.saturating_mul(3);
    let mut records = HashSet::new();
    let (mut n_networks, mut n_known) = (0_usize, 0_usize);
    for network in database.networks(WithinOptions::default().include_networks_without_data())? {
        let network = network?;
        n_networks += 1;
        anyhow::ensure!(n_networks <= max_networks, "its search tree is damaged");
        let Some(offset) = network.offset() else {
            continue;
        };
        if !records.insert(offset) {
            continue;
        }
        let is_known = match kind {
            Kind::Country => {
                let record: Option<CountryRecord> = network.decode()?;
                record.is_some_and(|record| record.code().is_some())
            }
            Kind::Asn => {
                let record: Option<AsnRecord> = network.decode()?;
                record.is_some_and(|record| record.autonomous_system_number.is_some())
            }
        };
        n_known += usize::from(is_known);
    }
    anyhow::ensure!(
        n_known > 0 && n_known * 2 >= records.len(),
        "it has {} in {n_known} of {} records: a database of {} is wanted",
        kind.content(),
        records.len(),
        kind.content()
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

    fn load_bytes(kind: Kind, bytes: &[u8]) -> Result<Database, String> {
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
            (Kind::Country, countries("GeoLite2-Country"), true),
            (Kind::Country, countries("mine"), true),
            (Kind::Asn, asns("GeoLite2-ASN"), true),
            (Kind::Asn, asns("GeoIP2-ISP"), true),
            (Kind::Asn, asns("mine"), true),
            (Kind::Country, asns("GeoLite2-ASN"), false),
            (Kind::Country, asns("mine"), false),
            (Kind::Asn, countries("GeoLite2-City"), false),
            (Kind::Asn, countries("mine"), false),
            // By its name alone.
            (Kind::Country, countries("GeoIP2-Anonymous-IP"), false),
            (Kind::Asn, asns("GeoLite2-Country"), false),
            (Kind::Country, connections.clone(), false),
            (Kind::Asn, connections, false),
        ];
        for (kind, bytes, is_used) in table {
            let loaded = load_bytes(kind, &bytes);
            assert_eq!(loaded.is_ok(), is_used, "{kind:?}: {:?}", loaded.err());
        }
    }

    /// What is used in spite of damage answers as if it were whole, at least as often as
    /// not: a byte of a name is one country, and not all of them.
    #[test]
    fn a_damaged_database_is_refused_or_answers() {
        let whole = countries("GeoLite2-Country");
        let ips = ["203.0.113.9", "198.51.100.9", "192.0.2.9"].map(|ip| ip.parse().unwrap());
        let n_found = |database: &Database| {
            let found = ips.iter().map(|ip| find_country(database, *ip));
            found.filter(|found| matches!(found, Ok(Some(_)))).count()
        };
        assert_eq!(
            load_bytes(Kind::Country, &whole).map(|db| n_found(&db)),
            Ok(3)
        );
        for len in (0..whole.len()).step_by(7) {
            let loaded = load_bytes(Kind::Country, &whole[..len]);
            assert!(loaded.is_err(), "{len} bytes are used");
        }
        for zeros in [16, 64, 256] {
            for at in (0..whole.len().saturating_sub(zeros)).step_by(zeros) {
                let mut damaged = whole.clone();
                damaged[at..at + zeros].fill(0);
                if let Ok(database) = load_bytes(Kind::Country, &damaged) {
                    assert!(n_found(&database) > 0, "{zeros} zeros at {at}");
                }
            }
        }
        assert!(load_bytes(Kind::Country, b"").is_err());
        assert!(load_bytes(Kind::Country, b"<html>not found</html>").is_err());
    }

    #[test]
    fn an_address_that_a_database_cannot_know_is_unknown_and_not_a_failure() {
        let database = load_bytes(Kind::Country, &countries("mine")).unwrap();
        for ip in ["192.0.2.200", "2001:db8::1"] {
            assert_eq!(
                find_country(&database, ip.parse().unwrap()).unwrap(),
                None,
                "{ip}"
            );
        }
    }
}
