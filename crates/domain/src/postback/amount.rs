//! Reads amounts as senders write them.
//!
//! An amount is read where it has one meaning, and refused where it has two: `1,234` is a
//! thousand at one sender and one and a quarter at another.

use iso_currency::Currency;
use rust_decimal::{Decimal, RoundingStrategy};

use super::mapping::AmountUnit;
use crate::{
    conversion::{parse_currency, round_to_currency},
    money::REVENUE_DECIMALS,
};

/// The most digits before the point: amounts in IDR and VND have ten and more.
const MAX_WHOLE_DIGITS: usize = 15;
/// The decimals that are read, before the amount is rounded.
const MAX_DECIMALS: usize = 12;

const SYMBOLS: [(&str, Option<&str>); 18] = [
    ("$", Some("USD")),
    ("US$", Some("USD")),
    ("A$", Some("AUD")),
    ("AU$", Some("AUD")),
    ("C$", Some("CAD")),
    ("CA$", Some("CAD")),
    ("R$", Some("BRL")),
    ("€", Some("EUR")),
    ("£", Some("GBP")),
    ("₹", Some("INR")),
    ("₽", Some("RUB")),
    ("₩", Some("KRW")),
    ("₫", Some("VND")),
    ("฿", Some("THB")),
    ("₴", Some("UAH")),
    ("₺", Some("TRY")),
    ("zł", Some("PLN")),
    // It is the sign of yen and of yuan.
    ("¥", None),
];

/// The currency that a text names by its code or sign.
pub fn read_currency(text: &str) -> Option<String> {
    let by_sign = || {
        let (_, code) = SYMBOLS.iter().find(|(symbol, _)| *symbol == text)?;
        code.map(str::to_owned)
    };
    parse_currency(text).or_else(by_sign)
}

/// An amount whose currency and sign are told from its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountText<'t> {
    /// The currency that stands before or behind the number.
    pub currency: Option<String>,
    pub is_negative: bool,
    number: &'t str,
}

/// A number that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAmount {
    /// 0 or more.
    pub amount: Decimal,
    /// Whether it had more than 8 decimals, and was rounded.
    pub is_rounded: bool,
}

impl<'t> AmountText<'t> {
    /// Tells apart the sign, the number and the currency. `None` if there is no number, or
    /// something else beside it.
    pub fn parse(text: &'t str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit();
        let first_digit = text.find(is_digit)?;
        let end = text.rfind(is_digit)? + 1;
        let (before, _) = text.split_at(first_digit);
        // The point of `.5` belongs to the number, and that of `Rs.5` as well.
        let start = match before.ends_with(['.', ',']) {
            true => first_digit - 1,
            false => first_digit,
        };
        let (prefix, rest) = text.split_at(start);
        let (number, suffix) = rest.split_at(end - start);
        let n_minus = prefix.matches(['-', '\u{2212}']).count();
        let prefix = prefix.trim_matches(|c: char| is_blank(c) || "+-\u{2212}".contains(c));
        let suffix = suffix.trim_matches(is_blank);
        let suffix = match suffix {
            "." | "," | ",-" | ".-" | ",--" => "",
            suffix => suffix,
        };
        if n_minus > 1 {
            return None;
        }
        let currencies = [suffix, prefix].map(|sign| match sign {
            "" => Some(None),
            sign => match SYMBOLS.iter().find(|(symbol, _)| *symbol == sign) {
                Some((_, code)) => Some(code.map(str::to_owned)),
                None => parse_currency(sign).map(Some),
            },
        });
        let [suffix, prefix] = currencies;
        let (suffix, prefix) = (suffix?, prefix?);
        Some(Self {
            currency: suffix.or(prefix),
            is_negative: n_minus == 1,
            number,
        })
    }

    /// The amount, which is in `currency`. `None` if the number has two meanings or none, or
    /// too many digits.
    pub fn read(&self, currency: &str, unit: AmountUnit) -> Option<ReadAmount> {
        let (number, is_cut) = self.number(currency)?;
        let number = match unit {
            AmountUnit::Major => number,
            AmountUnit::Minor => {
                number.checked_div(Decimal::from(10_u64.pow(exponent(currency))))?
            }
        };
        let mut read = round(number.normalize(), currency);
        read.is_rounded |= is_cut;
        Some(read)
    }

    /// The amount, 0 or more, as a price in `currency`: it is rounded to the decimals that are
    /// stored, and not to those of the currency, since a click may cost a part of a cent. `None`
    /// as for [`read`](Self::read).
    pub fn read_price(&self, currency: &str) -> Option<Decimal> {
        let (number, _) = self.number(currency)?;
        Some(round_to_stored_decimals(number).normalize())
    }

    /// The number, and whether it has more decimals than are read.
    fn number(&self, currency: &str) -> Option<(Decimal, bool)> {
        let (number, is_cut) = match self.number.contains(['e', 'E']) {
            true => (Decimal::from_scientific(self.number).ok()?, false),
            false => read_number(self.number, exponent(currency) == 0)?,
        };
        let max_amount = Decimal::from(10_u64.pow(MAX_WHOLE_DIGITS as u32));
        (number < max_amount).then_some((number, is_cut))
    }
}

/// Rounds an amount with more decimals than are stored to its currency, but not to 0.
fn round(amount: Decimal, currency: &str) -> ReadAmount {
    let max_decimals = REVENUE_DECIMALS as u32;
    if amount.scale() <= max_decimals {
        let is_rounded = false;
        return ReadAmount { amount, is_rounded };
    }
    let rounded = match round_to_currency(amount, currency) {
        rounded if rounded.is_zero() => round_to_stored_decimals(amount),
        rounded => rounded,
    };
    ReadAmount {
        amount: rounded.normalize(),
        is_rounded: true,
    }
}

fn round_to_stored_decimals(amount: Decimal) -> Decimal {
    let decimals = REVENUE_DECIMALS as u32;
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// The decimals of a currency.
fn exponent(currency: &str) -> u32 {
    let exponent = Currency::from_code(currency).and_then(Currency::exponent);
    exponent.map_or(2, u32::from)
}

/// Reads a number whose separators may be points, commas, blanks and apostrophes. Returns also
/// whether it has more decimals than are read.
fn read_number(number: &str, has_no_decimals: bool) -> Option<(Decimal, bool)> {
    let count = |separator: char| number.matches(separator).count();
    let (n_points, n_commas) = (count('.'), count(','));
    let has_blanks = number.contains(is_group_blank);
    // A number of three digits behind its only separator may be one in thousands.
    let may_be_thousands = |separator: char| {
        let (whole, rest) = number.split_once(separator).unwrap_or((number, ""));
        rest.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0')
    };
    let (decimal_separator, group_separator) = match (n_points, n_commas, has_blanks) {
        (0, 0, _) => (None, None),
        (1, 0, false) if has_no_decimals && may_be_thousands('.') => return None,
        (0, 1, false) if may_be_thousands(',') => match has_no_decimals {
            true => (None, Some(',')),
            false => return None,
        },
        (1, 0, _) => (Some('.'), None),
        (0, 1, _) => (Some(','), None),
        (_, 0, false) => (None, Some('.')),
        (0, _, false) => (None, Some(',')),
        (1, _, false) if number.rfind('.') > number.rfind(',') => (Some('.'), Some(',')),
        (_, 1, false) if number.rfind(',') > number.rfind('.') => (Some(','), Some('.')),
        _ => return None,
    };
    let (whole, decimals) = match decimal_separator {
        Some(separator) => number.split_once(separator)?,
        None => (number, ""),
    };
    let is_separator = |c: char| Some(c) == group_separator || is_group_blank(c);
    if !are_groups(whole, is_separator) || !are_digits(decimals) {
        return None;
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole = whole.trim_start_matches('0');
    let decimals = decimals.trim_end_matches('0');
    let (decimals, cut) = decimals.split_at(decimals.len().min(MAX_DECIMALS));
    if whole.len() > MAX_WHOLE_DIGITS {
        return None;
    }
    let number = format!("{whole:0>1}.{decimals:0<1}").parse().ok()?;
    Some((number, !cut.is_empty()))
}

/// Whether digits are grouped by thousands, or as in India by thousands and then by hundreds,
/// or not at all.
fn are_groups(whole: &str, is_separator: impl Fn(char) -> bool) -> bool {
    let groups: Vec<_> = whole.split(is_separator).collect();
    match groups.as_slice() {
        [number] => are_digits(number),
        [first, middle @ .., last] => {
            let group_bytes = middle.first().map_or(3, |group| group.len());
            groups.iter().all(|group| are_digits(group))
                && (1..=3).contains(&first.len())
                && last.len() == 3
                && matches!(group_bytes, 2 | 3)
                && middle.iter().all(|group| group.len() == group_bytes)
        }
        [] => false,
    }
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The blanks that stand around an amount.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
}

/// The blanks and apostrophes that stand between thousands.
fn is_group_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '\'' | '\u{2019}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read_in(text: &str, currency: &str) -> Option<String> {
        let parsed = AmountText::parse(text)?;
        let currency = parsed.currency.as_deref().unwrap_or(currency);
        let read = parsed.read(currency, AmountUnit::Major)?;
        let sign = if parsed.is_negative { "-" } else { "" };
        let rounded = if read.is_rounded { " rounded" } else { "" };
        Some(format!("{sign}{} {currency}{rounded}", read.amount))
    }

    #[rstest]
    #[case("12.50", Some("12.5 USD"))]
    #[case("0", Some("0 USD"))]
    #[case("12", Some("12 USD"))]
    #[case("012.50", Some("12.5 USD"))]
    #[case("33.333333333333336", Some("33.33 USD rounded"))]
    #[case("0.30000000000000004", Some("0.3 USD rounded"))]
    #[case("0.000000123456", Some("0.00000012 USD rounded"))]
    #[case("0.12345678", Some("0.12345678 USD"))]
    #[case("12.500000000000", Some("12.5 USD"))]
    #[case(".5", Some("0.5 USD"))]
    #[case(",5", Some("0.5 USD"))]
    #[case("5.", Some("5 USD"))]
    #[case("$12.50", Some("12.5 USD"))]
    #[case("$ 12.50", Some("12.5 USD"))]
    #[case("-$12.50", Some("-12.5 USD"))]
    #[case("$-12.50", Some("-12.5 USD"))]
    #[case("\u{2212}12.50", Some("-12.5 USD"))]
    #[case("+12.50", Some("12.5 USD"))]
    #[case("12.50 USD", Some("12.5 USD"))]
    #[case("USD12.50", Some("12.5 USD"))]
    #[case("37,00 €", Some("37 EUR"))]
    #[case("€37,00", Some("37 EUR"))]
    #[case("R$ 1.234,50", Some("1234.5 BRL"))]
    #[case("zł12,50", Some("12.5 PLN"))]
    #[case("¥1200", Some("1200 USD"))]
    #[case("0.001 btc", Some("0.001 BTC"))]
    #[case("37,00", Some("37 USD"))]
    #[case("37,5", Some("37.5 USD"))]
    #[case("37,-", Some("37 USD"))]
    #[case("0,125", Some("0.125 USD"))]
    #[case("1234,567", Some("1234.567 USD"))]
    #[case("33,333333", Some("33.333333 USD"))]
    #[case("1,234.50", Some("1234.5 USD"))]
    #[case("1.234,50", Some("1234.5 USD"))]
    #[case("1,234,567", Some("1234567 USD"))]
    #[case("1.234.567", Some("1234567 USD"))]
    #[case("1,234,567.891", Some("1234567.891 USD"))]
    #[case("1,23,456.50", Some("123456.5 USD"))]
    #[case("1 234,50", Some("1234.5 USD"))]
    #[case("1\u{a0}234,500", Some("1234.5 USD"))]
    #[case("1 234", Some("1234 USD"))]
    #[case("1'234.50", Some("1234.5 USD"))]
    #[case("1.234", Some("1.234 USD"))]
    #[case("1500000000", Some("1500000000 USD"))]
    #[case("999999999999999.99", Some("999999999999999.99 USD"))]
    #[case("1e3", Some("1000 USD"))]
    #[case("1.5E+2", Some("150 USD"))]
    #[case("1.0e-5", Some("0.00001 USD"))]
    #[case("-12", Some("-12 USD"))]
    // These have two meanings, or none.
    #[case("1,234", None)]
    #[case("12,345", None)]
    #[case("1,234 USD", None)]
    #[case("1,23,45", None)]
    #[case("1,2.3,4", None)]
    #[case("1.2.3", None)]
    #[case("1 23", None)]
    #[case("12 50", None)]
    #[case("12.50 apples", None)]
    #[case("12x50", None)]
    #[case("--12", None)]
    #[case("12-50", None)]
    #[case("(12.50)", None)]
    #[case("1000000000000000", None)]
    #[case("1e15", None)]
    #[case("1e400", None)]
    #[case("Infinity", None)]
    #[case("abc", None)]
    #[case("\u{663}", None)]
    fn an_amount_is_read_where_it_has_one_meaning(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(read_in(text, "USD").as_deref(), expected);
    }

    #[rstest]
    #[case("1,234", Some("1234 VND"))]
    #[case("1.234", None)]
    #[case("150.000,00", Some("150000 VND"))]
    #[case("2500000000", Some("2500000000 VND"))]
    #[case("12.5", Some("12.5 VND"))]
    #[case("33.333333333333336", Some("33 VND rounded"))]
    fn a_currency_without_decimals_decides(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(read_in(text, "VND").as_deref(), expected);
    }

    #[rstest]
    #[case("2000", "USD", "20")]
    #[case("2000", "JPY", "2000")]
    #[case("2000", "KWD", "2")]
    #[case("1", "USD", "0.01")]
    fn an_amount_can_be_in_the_smallest_unit(
        #[case] text: &str,
        #[case] currency: &str,
        #[case] expected: Decimal,
    ) {
        let amount = AmountText::parse(text).unwrap();
        let read = amount.read(currency, AmountUnit::Minor).unwrap();
        assert_eq!(read.amount, expected);
    }

    fn grouped(whole: u64, separator: char) -> String {
        let digits = whole.to_string();
        let n_digits = digits.len();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (n_digits - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    proptest! {
        #[test]
        fn every_common_form_of_an_amount_is_read(
            whole in 0_u64..999_999_999_999_999,
            cents in 0_u64..100,
            form in 0_usize..6,
        ) {
            let text = match form {
                0 => format!("{whole}.{cents:02}"),
                1 => format!("{whole},{cents:02}"),
                2 => format!("{}.{cents:02}", grouped(whole, ',')),
                3 => format!("{},{cents:02}", grouped(whole, '.')),
                4 => format!("{},{cents:02}", grouped(whole, ' ')),
                _ => format!("${}.{cents:02}", grouped(whole, '\'')),
            };
            let amount = AmountText::parse(&text).unwrap();
            let read = amount.read("USD", AmountUnit::Major).unwrap();
            let expected: Decimal = format!("{whole}.{cents:02}").parse().unwrap();
            prop_assert_eq!(read.amount, expected);
            prop_assert!(!read.is_rounded);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            if let Some(amount) = AmountText::parse(&text) {
                let read = amount.read("EUR", AmountUnit::Major);
                prop_assert!(read.is_none_or(|read| !read.amount.is_sign_negative()));
            }
        }

        #[test]
        fn any_number_is_read_or_refused(text in "[-+]?[0-9.,' eE]{0,24}") {
            if let Some(amount) = AmountText::parse(&text)
                && let Some(read) = amount.read("JPY", AmountUnit::Minor)
            {
                prop_assert!(read.amount.scale() <= REVENUE_DECIMALS as u32);
                prop_assert!(!read.amount.is_sign_negative());
            }
        }
    }
}
