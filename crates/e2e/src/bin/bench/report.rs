//! What a row prints: a table for people, and one line for programs.

use std::fmt;

use e2e::console::print;

use crate::stats::{bootstrap_interval, median, median_absolute_deviation};

/// The result of a row. It prints as the line for programs:
///
/// `bench NAME value=X unit=U ratio=R bar=B pass|fail`
#[derive(Debug)]
pub struct Verdict {
    pub name: &'static str,
    pub value: String,
    pub unit: &'static str,
    pub ratio: f64,
    pub bar: Bar,
}

/// What the ratio must be.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Verdict {
    pub fn is_passed(&self) -> bool {
        match self.bar {
            Bar::AtLeast(bar) => self.ratio >= bar,
            Bar::AtMost(bar) => self.ratio <= bar,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            unit,
            ratio,
            ..
        } = self;
        let verdict = if self.is_passed() { "pass" } else { "fail" };
        write!(
            f,
            "bench {name} value={value} unit={unit} ratio={ratio:.3} bar="
        )?;
        match self.bar {
            Bar::AtLeast(bar) => write!(f, "{bar:?} {verdict}"),
            Bar::AtMost(bar) => write!(f, "{bar} {verdict}"),
        }
    }
}

/// A row that is measured in rounds, each against a reference of the same round.
pub struct Rounds<'r> {
    pub name: &'static str,
    pub unit: &'static str,
    pub values: &'r [f64],
    pub ratios: &'r [f64],
    pub bar: Bar,
}

impl Rounds<'_> {
    /// The verdict on the medians. Prints how sure it is: the median absolute deviation of
    /// the values, and the interval of the ratio.
    pub fn verdict(&self) -> Verdict {
        let (value, ratio) = (median(self.values), median(self.ratios));
        let (low, high) = bootstrap_interval(self.ratios);
        print(&format!(
            "{}: {value:.0} {} ± {:.0} (median absolute deviation of {} rounds), \
             ratio {ratio:.3} ({low:.3} to {high:.3} with 95 % confidence)",
            self.name,
            self.unit,
            median_absolute_deviation(self.values),
            self.values.len(),
        ));
        Verdict {
            name: self.name,
            value: format!("{:.0}", value.trunc()),
            unit: self.unit,
            ratio,
            bar: self.bar,
        }
    }
}

/// Prints a line of a table: its label, and its columns.
pub fn print_line<T: fmt::Display>(label: &str, columns: &[T]) {
    let columns: String = columns
        .iter()
        .map(|column| format!(" {column:>12}"))
        .collect();
    print(&format!("{label:<44}{columns}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_programs_keeps_its_form() {
        let at_least = Verdict {
            name: "workers",
            value: "12345".to_owned(),
            unit: "events/s",
            ratio: 0.99951,
            bar: Bar::AtLeast(1.0),
        };
        assert_eq!(
            at_least.to_string(),
            "bench workers value=12345 unit=events/s ratio=1.000 bar=1.0 fail"
        );
        let at_most = Verdict {
            name: "lag",
            value: "250".to_owned(),
            unit: "ms",
            ratio: 0.25,
            bar: Bar::AtMost(1.0),
        };
        assert_eq!(
            at_most.to_string(),
            "bench lag value=250 unit=ms ratio=0.250 bar=1 pass"
        );
    }

    #[test]
    fn a_bar_is_reached_from_its_own_side() {
        for (bar, ratio, expected) in [
            (Bar::AtLeast(0.4), 0.4, true),
            (Bar::AtLeast(0.4), 0.39, false),
            (Bar::AtMost(1.0), 1.0, true),
            (Bar::AtMost(1.0), 1.01, false),
        ] {
            let verdict = Verdict {
                name: "row",
                value: String::new(),
                unit: "",
                ratio,
                bar,
            };
            assert_eq!(verdict.is_passed(), expected, "{bar:?} {ratio}");
        }
    }
}
