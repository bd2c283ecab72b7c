//! Device, operating system and browser by user agent. Operating system and browser come from
//! `uap-core`, a list that many trackers use.

use std::sync::LazyLock;

use serde::Deserialize;
use ua_parser::{os, user_agent};

const UAP_CORE: &str = include_str!("../lists/uap-core.json");

/// The list, compiled at its first use, since that takes time and memory.
static PARSERS: LazyLock<Parsers> = LazyLock::new(|| Parsers::load(UAP_CORE));

/// The device of a visitor. `os` and `browser` are families without a version, such as `iOS` and
/// `Mobile Safari`; `None` is one that the list does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// `mobile`, `tablet`, `desktop`, `tv` or `other`. `None` without a user agent.
    pub class: Option<&'static str>,
    pub os: Option<String>,
    pub browser: Option<String>,
}

impl Device {
    /// Looks a user agent up. This tries many regular expressions, so callers keep the result for
    /// the next click with the same user agent.
    pub fn from_user_agent(user_agent: &str) -> Self {
        let parsers = &*PARSERS;
        let os = parsers.os.extract(user_agent).map(|os| os.os.into_owned());
        let browser = parsers.browser.extract(user_agent);
        Self {
            class: device_class(user_agent, os.as_deref()),
            os: known_family(os),
            browser: known_family(browser.map(|browser| browser.family.into_owned())),
        }
    }
}

/// The list says `Other` where it does not know the family.
fn known_family(family: Option<String>) -> Option<String> {
    family.filter(|family| family != "Other")
}

struct Parsers {
    os: os::Extractor<'static>,
    browser: user_agent::Extractor<'static>,
}

/// The parts of the list that are used.
#[derive(Deserialize)]
struct UapCore {
    user_agent_parsers: Vec<user_agent::Parser<'static>>,
    os_parsers: Vec<os::Parser<'static>>,
}

impl Parsers {
    fn load(json: &'static str) -> Self {
        let list: UapCore = serde_json::from_str(json).expect("the tests parse the list");
        Self::compile(list).expect("the tests compile the expressions")
    }

    fn compile(list: UapCore) -> Result<Self, ua_parser::Error> {
        Ok(Self {
            os: os::Builder::new().push_all(list.os_parsers)?.build()?,
            browser: user_agent::Builder::new()
                .push_all(list.user_agent_parsers)?
                .build()?,
        })
    }
}

/// The class of the device. The user agents of Android tablets have `Android` without `Mobile`
/// (<https://developer.chrome.com/docs/multidevice/user-agent>). Those of iPads have been the
/// same as Macs' since iPadOS 13, so that they are classed as desktops.
fn device_class(user_agent: &str, os: Option<&str>) -> Option<&'static str> {
    if user_agent.trim().is_empty() {
        return None;
    }
    let contains_any = |words: &[&str]| words.iter().any(|word| user_agent.contains(word));
    let os_is_any = |families: &[&str]| {
        let os = os.unwrap_or_default();
        families.iter().any(|family| os.starts_with(family))
    };
    let is_android = os_is_any(&["Android"]);
    let is_phone = contains_any(&["Mobile", "Opera Mini", "Opera Mobi"]);
    let is_tv =
        contains_any(&["TV", "AFT", "Roku", "CrKey", "BRAVIA"]) || os_is_any(&["tvOS", "ATV OS"]);
    let is_tablet =
        contains_any(&["iPad", "Tablet", "Kindle", "Silk/"]) || (is_android && !is_phone);
    Some(if is_tv {
        "tv"
    } else if is_tablet {
        "tablet"
    } else if is_phone
        || contains_any(&["iPhone", "iPod", "KAIOS", "BlackBerry"])
        || os_is_any(&["iOS", "KaiOS", "Windows Phone"])
    {
        "mobile"
    } else if os_is_any(&DESKTOP_SYSTEMS) {
        "desktop"
    } else {
        "other"
    })
}

/// Operating systems of desktops, as the list names them.
const DESKTOP_SYSTEMS: [&str; 9] = [
    "Windows",
    "Mac OS X",
    "Linux",
    "Ubuntu",
    "Fedora",
    "Debian",
    "Chrome OS",
    "FreeBSD",
    "OpenBSD",
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \
        AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 \
        (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1";
    const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 \
        (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";
    const ANDROID_TABLET: &str = "Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 \
        (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
    const SAMSUNG: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 \
        (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36";
    const FIRE_TABLET: &str = "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 \
        (KHTML, like Gecko) Silk/120.4.1 like Chrome/120.0.6099.230 Safari/537.36";
    const FIRE_TV: &str = "Mozilla/5.0 (Linux; Android 9; AFTSSS) AppleWebKit/537.36 \
        (KHTML, like Gecko) Silk/120.4.1 like Chrome/120.0.6099.230 Safari/537.36";
    const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
        (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0";
    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
        (KHTML, like Gecko) Version/18.1 Safari/605.1.15";
    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
    const FACEBOOK: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \
        AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 \
        [FBAN/FBIOS;FBAV/485.1.0.45.110;FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/18.1]";

    #[rstest]
    #[case(IPHONE, "mobile", "iOS", "Mobile Safari")]
    #[case(IPAD, "tablet", "iOS", "Mobile Safari")]
    #[case(ANDROID, "mobile", "Android", "Chrome Mobile")]
    #[case(ANDROID_TABLET, "tablet", "Android", "Chrome")]
    #[case(SAMSUNG, "mobile", "Android", "Samsung Internet")]
    #[case(FIRE_TABLET, "tablet", "Android", "Amazon Silk")]
    #[case(FIRE_TV, "tv", "Android", "Amazon Silk")]
    #[case(EDGE, "desktop", "Windows", "Edge")]
    #[case(MAC, "desktop", "Mac OS X", "Safari")]
    #[case(LINUX, "desktop", "Linux", "Firefox")]
    #[case(FACEBOOK, "mobile", "iOS", "Facebook")]
    #[case("curl/8.5.0", "other", "", "curl")]
    #[case("something", "other", "", "")]
    #[case("", "", "", "")]
    fn the_user_agent_tells_the_device(
        #[case] user_agent: &str,
        #[case] class: &str,
        #[case] os: &str,
        #[case] browser: &str,
    ) {
        let device = Device::from_user_agent(user_agent);
        let families = (
            device.class.unwrap_or_default(),
            device.os.as_deref().unwrap_or_default(),
            device.browser.as_deref().unwrap_or_default(),
        );
        assert_eq!(families, (class, os, browser));
    }
}
