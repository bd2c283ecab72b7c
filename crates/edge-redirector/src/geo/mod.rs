//! Location and autonomous system of an address, from GeoIP databases whose files are
//! reloaded when they change.

mod database;

use std::{net::IpAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use platform::{reloading_file::ReloadingFile, service::Shutdown};

use crate::metrics::{GeoDatabase, GeoLookup, Metrics};
pub use database::Location;
use database::{Database, find_asn, find_location, load};

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

    /// The country, and the region and city if the database has cities.
    pub fn location(&self, ip: IpAddr) -> Location {
        let Some(database) = &self.country else {
            return Location::default();
        };
        let result = find_location(&database.get(), ip);
        let country = result.as_ref().map(|location| location.country.as_ref());
        self.count(GeoDatabase::Country, &country);
        result.unwrap_or_default()
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
