//! Country and autonomous system of an address, from GeoIP databases whose files are
//! reloaded when they change.

mod database;

use std::{net::IpAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use platform::{reloading_file::ReloadingFile, service::Shutdown};

use crate::metrics::{GeoDatabase, GeoLookup, Metrics};
use database::{Database, find_asn, find_country, load};

/// The databases that the settings name. Without a database, its part of every address is
/// unknown.
pub struct GeoIp {
    country: Option<Arc<ReloadingFile<Database>>>,
    asn: Option<Arc<ReloadingFile<Database>>>,
    metrics: Metrics,
}

impl GeoIp {
    /// Opens the files and checks them for changes every `interval`.
    pub fn open(
        country: Option<PathBuf>,
        asn: Option<PathBuf>,
        interval: Duration,
        metrics: Metrics,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let open = |kind: GeoDatabase, path: Option<PathBuf>| -> anyhow::Result<_> {
            let metrics = metrics.clone();
            let load = move |path: &Path| load(kind, path, &metrics);
            path.map(|path| ReloadingFile::open(kind.setting(), path, load, interval, shutdown))
                .transpose()
        };
        Ok(Self {
            country: open(GeoDatabase::Country, country)?,
            asn: open(GeoDatabase::Asn, asn)?,
            metrics,
        })
    }

    /// The country code: ISO 3166-1 alpha-2, upper case.
    pub fn country(&self, ip: IpAddr) -> Option<String> {
        let database = self.country.as_ref()?.get();
        let result = find_country(&database, ip);
        self.count(GeoDatabase::Country, &result);
        result.ok().flatten()
    }

    /// The number of the autonomous system.
    pub fn asn(&self, ip: IpAddr) -> Option<u32> {
        let database = self.asn.as_ref()?.get();
        let result = find_asn(&database, ip);
        self.count(GeoDatabase::Asn, &result);
        result.ok().flatten()
    }

    fn count<T, E>(&self, database: GeoDatabase, result: &Result<Option<T>, E>) {
        let lookup = match result {
            Ok(Some(_)) => GeoLookup::Found,
            Ok(None) => GeoLookup::Unknown,
            Err(_) => GeoLookup::Failed,
        };
        self.metrics.count_geo_lookup(database, lookup);
    }
}
