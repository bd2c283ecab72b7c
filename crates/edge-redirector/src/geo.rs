//! Country and autonomous system of an address, from databases in MaxMind's
//! format.

use std::{net::IpAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use maxminddb::Reader;
use platform::{service::Shutdown, watched::Watched};
use serde::Deserialize;

type Database = Reader<Vec<u8>>;

/// Either may be absent; then what it knows is unknown.
pub struct Geo {
    country: Option<Arc<Watched<Database>>>,
    asn: Option<Arc<Watched<Database>>>,
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
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let open = |name: &'static str, path: Option<PathBuf>| -> anyhow::Result<_> {
            path.map(|path| Watched::open(name, path, read, interval, shutdown))
                .transpose()
        };
        Ok(Self {
            country: open("GEOIP_COUNTRY_DB", country)?,
            asn: open("GEOIP_ASN_DB", asn)?,
        })
    }

    /// ISO 3166-1 alpha-2, upper case.
    pub fn country(&self, ip: IpAddr) -> Option<String> {
        let database = self.country.as_ref()?.get();
        let record: CountryRecord = database.lookup(ip).ok()?.decode().ok()??;
        let code = record.country.and_then(|country| country.iso_code);
        let code = code.or(record.country_code)?;
        (code.len() == 2).then(|| code.to_ascii_uppercase())
    }

    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        let database = self.asn.as_ref()?.get();
        let record: AsnRecord = database.lookup(ip).ok()?.decode().ok()??;
        record.autonomous_system_number
    }
}

/// The whole file: a database is replaced at any time, and what was mapped
/// would change under us.
fn read(path: &Path) -> anyhow::Result<Database> {
    Reader::open_readfile(path).with_context(|| format!("{} cannot be read", path.display()))
}
