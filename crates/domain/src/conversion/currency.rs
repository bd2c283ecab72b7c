//! Currencies: which codes there are, and how many decimals their amounts have.

use iso_currency::Currency;
use rust_decimal::{Decimal, RoundingStrategy};

/// The codes of cryptocurrencies that networks pay in. ISO 4217 has none of them.
pub const CRYPTO_CURRENCIES: [&str; 18] = [
    "ADA", "BCH", "BNB", "BTC", "BUSD", "DAI", "DASH", "DOGE", "ETH", "LTC", "SOL", "TON", "TRX",
    "USDC", "USDT", "XMR", "XRP", "ZEC",
];
/// The decimals of an amount in a cryptocurrency, or in a currency of ISO 4217 without a unit.
const OTHER_DECIMALS: u32 = 8;

/// A code of ISO 4217 or of a cryptocurrency, in upper case. Upper and lower case are the same.
pub fn parse_currency(text: &str) -> Option<String> {
    let code = text.to_ascii_uppercase();
    let is_known =
        CRYPTO_CURRENCIES.contains(&&*code) || Currency::from_code(&code).is_some_and(is_money);
    is_known.then_some(code)
}

/// Rounds an amount to the decimals of its currency, half away from zero: 2 for USD, 0 for JPY,
/// 3 for KWD, 8 for cryptocurrencies.
pub fn round_to_currency(amount: Decimal, currency: &str) -> Decimal {
    let exponent = Currency::from_code(currency).and_then(Currency::exponent);
    let decimals = exponent.map_or(OTHER_DECIMALS, u32::from);
    amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// ISO 4217 has codes for tests (XTS) and for "no currency" (XXX).
fn is_money(currency: Currency) -> bool {
    !matches!(currency, Currency::XXX | Currency::XTS)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("USD", Some("USD"))]
    #[case("eur", Some("EUR"))]
    #[case("usdt", Some("USDT"))]
    #[case("VND", Some("VND"))]
    #[case("US", None)]
    #[case("US$", None)]
    #[case("ABC", None)]
    #[case("XXX", None)]
    #[case("", None)]
    fn a_currency_is_one_of_a_list(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse_currency(text).as_deref(), expected);
    }

    #[rstest]
    #[case("33.333333333333336", "USD", "33.33")]
    #[case("0.005", "USD", "0.01")]
    #[case("1250.5", "JPY", "1251")]
    #[case("1.23456", "KWD", "1.235")]
    #[case("0.123456789", "BTC", "0.12345679")]
    fn an_amount_is_rounded_to_its_currency(
        #[case] amount: Decimal,
        #[case] currency: &str,
        #[case] expected: Decimal,
    ) {
        assert_eq!(round_to_currency(amount, currency), expected);
    }
}
