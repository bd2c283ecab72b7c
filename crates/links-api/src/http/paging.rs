//! Pages of lists: which one a request asks for, and how the response describes it. Every list
//! of the v2 API has `next_cursor` and `has_more`, beside the form that is documented for it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::query::{BoundedInteger, QueryParameters, from_query};
use crate::error::ApiError;

pub const MAX_PAGE: u32 = 1_000_000;
pub const MAX_PER_PAGE: u32 = 100;

type PageNumber = BoundedInteger<1, { MAX_PAGE as i64 }>;
type PageSize = BoundedInteger<1, { MAX_PER_PAGE as i64 }>;

/// The parameters of a list of the v2 API: a page has `DEFAULT_SIZE` entries unless the request
/// says otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageQuery<const DEFAULT_SIZE: u32> {
    /// Which page, from 1.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PAGE, "default" = 1))]
    page: Option<PageNumber>,
    /// Entries on a page.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PER_PAGE, "default" = DEFAULT_SIZE))]
    per_page: Option<PageSize>,
    /// `next_cursor` of the page before, instead of `page`.
    cursor: Option<PageCursor>,
}

impl<const DEFAULT_SIZE: u32> QueryParameters for PageQuery<DEFAULT_SIZE> {
    /// Fails if the cursor and the other parameters ask for different pages.
    fn from_query(query: &str) -> Result<Self, ApiError> {
        let parsed: Self = from_query(query)?;
        if let Some(PageCursor(next)) = parsed.cursor {
            let is_other_page = parsed
                .page
                .is_some_and(|page| page.get::<u32>() != next.number);
            let is_other_size = parsed.per_page.is_some_and(|n| n.get::<u32>() != next.size);
            if is_other_page || is_other_size {
                let problem = "page and per_page ask for another page: leave them out";
                return Err(ApiError::invalid_field("cursor", problem));
            }
        }
        Ok(parsed)
    }
}

impl<const DEFAULT_SIZE: u32> PageQuery<DEFAULT_SIZE> {
    pub fn page(&self) -> PageRequest {
        match self.cursor {
            Some(PageCursor(next)) => next,
            None => PageRequest {
                number: self.page.map_or(1, BoundedInteger::get),
                size: self.per_page.map_or(DEFAULT_SIZE, BoundedInteger::get),
            },
        }
    }
}

/// The parameters of a list of the affiliate API, which has no cursors.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AffiliatePageQuery<const DEFAULT_SIZE: u32> {
    /// Which page, from 1.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PAGE, "default" = 1))]
    page: Option<PageNumber>,
    /// Entries on a page.
    #[schemars(extend("minimum" = 1, "maximum" = MAX_PER_PAGE, "default" = DEFAULT_SIZE))]
    per_page: Option<PageSize>,
}

impl<const DEFAULT_SIZE: u32> QueryParameters for AffiliatePageQuery<DEFAULT_SIZE> {}

impl<const DEFAULT_SIZE: u32> AffiliatePageQuery<DEFAULT_SIZE> {
    pub fn page(&self) -> PageRequest {
        PageRequest {
            number: self.page.map_or(1, BoundedInteger::get),
            size: self.per_page.map_or(DEFAULT_SIZE, BoundedInteger::get),
        }
    }
}

/// The page that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub number: u32,
    /// Most entries on the page.
    pub size: u32,
}

impl PageRequest {
    pub fn limit(self) -> i64 {
        i64::from(self.size)
    }

    pub fn offset(self) -> i64 {
        i64::from(self.number - 1) * self.limit()
    }
}

/// `next_cursor` of a list with numbered pages: the number and the size of the next page, as in
/// `2.50`.
#[derive(Debug, Clone, Copy)]
struct PageCursor(PageRequest);

impl PageCursor {
    fn parse(text: &str) -> Option<Self> {
        let (number, size) = text.split_once('.')?;
        let page = PageRequest {
            number: number.parse().ok()?,
            size: size.parse().ok()?,
        };
        let is_valid =
            (1..=MAX_PAGE).contains(&page.number) && (1..=MAX_PER_PAGE).contains(&page.size);
        is_valid.then_some(Self(page))
    }
}

impl<'de> Deserialize<'de> for PageCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("it is not a value of `next_cursor`"))
    }
}

impl JsonSchema for PageCursor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageCursor".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Where the next page of a list begins.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct NextPage {
    /// The parameter `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

impl NextPage {
    pub fn new(next_cursor: Option<String>) -> Self {
        Self {
            has_more: next_cursor.is_some(),
            next_cursor,
        }
    }

    /// Of rows in the order of storage, to which more are added: there is always a next page.
    pub fn of_growing_list(next_cursor: String, has_more: bool) -> Self {
        Self {
            next_cursor: Some(next_cursor),
            has_more,
        }
    }

    /// The cursor, for content types whose body has no room for it.
    pub fn into_cursor(self) -> Option<String> {
        self.next_cursor
    }

    /// Of a list that has all of its entries on one page.
    pub fn none() -> Self {
        Self::new(None)
    }
}

/// What the response of a list has beside its rows.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ListPage {
    pagination: Pagination,
    #[serde(flatten)]
    next: NextPage,
}

impl ListPage {
    /// `total` is the number of all entries.
    pub fn new(page: PageRequest, total: i64) -> Self {
        let pagination = Pagination::new(page, total);
        let number = page.number + 1;
        let has_more = i64::from(number) <= pagination.total_pages && number <= MAX_PAGE;
        Self {
            next: NextPage::new(has_more.then(|| format!("{number}.{}", page.size))),
            pagination,
        }
    }
}

/// Where a page stands among all entries, as the v2 API writes it.
#[derive(Debug, Serialize, JsonSchema)]
struct Pagination {
    page: u32,
    per_page: u32,
    total: i64,
    total_pages: i64,
}

impl Pagination {
    fn new(page: PageRequest, total: i64) -> Self {
        Self {
            page: page.number,
            per_page: page.size,
            total,
            total_pages: (total + page.limit() - 1) / page.limit(),
        }
    }
}

/// Where a page stands among all entries, as the affiliate API writes it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Meta")]
pub struct AffiliatePageMeta {
    page: u32,
    per_page: u32,
    total: i64,
}

impl AffiliatePageMeta {
    /// `total` is the number of all entries.
    pub fn new(page: PageRequest, total: i64) -> Self {
        Self {
            page: page.number,
            per_page: page.size,
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn page(number: u32, size: u32) -> PageRequest {
        PageRequest { number, size }
    }

    #[rstest]
    #[case("", Some(page(1, 50)))]
    #[case("page=3&per_page=20", Some(page(3, 20)))]
    #[case("cursor=2.20", Some(page(2, 20)))]
    #[case::the_same_page("cursor=2.20&page=2&per_page=20", Some(page(2, 20)))]
    #[case::another_page("cursor=2.20&page=3", None)]
    #[case::another_size("cursor=2.20&per_page=50", None)]
    #[case("cursor=2", None)]
    #[case("cursor=0.20", None)]
    #[case("cursor=2.101", None)]
    #[case("cursor=1000001.20", None)]
    #[case("cursor=x.y", None)]
    fn a_page_is_asked_for_by_number_or_cursor(
        #[case] query: &str,
        #[case] expected: Option<PageRequest>,
    ) {
        let query = PageQuery::<50>::from_query(query);
        assert_eq!(query.ok().map(|query| query.page()), expected);
    }

    #[rstest]
    #[case(page(1, 50), 0, None)]
    #[case(page(1, 50), 50, None)]
    #[case(page(1, 50), 51, Some("2.50"))]
    #[case(page(2, 50), 51, None)]
    #[case(page(9, 50), 51, None)]
    #[case(page(MAX_PAGE, 1), 2_000_000, None)]
    fn a_list_has_a_cursor_until_its_last_page(
        #[case] page: PageRequest,
        #[case] total: i64,
        #[case] expected: Option<&str>,
    ) {
        let next = ListPage::new(page, total).next;
        assert_eq!(next.next_cursor.as_deref(), expected);
        assert_eq!(next.has_more, expected.is_some());
    }
}
