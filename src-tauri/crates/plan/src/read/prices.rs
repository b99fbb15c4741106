//! What tokens cost: the plan's `prices.json` over the built-in table.

use crate::policy::{Price, PriceTable, fits};
use crate::read::NamedText;
use crate::read::records::PRICES;
use crate::read::report::Report;
use crate::read::shape::Walk;
use crate::read::source::{Source, Step};
use crate::read::tasks::check_version;
use crate::schema::PricesFile;

/// The table that comes with this program; its `source` says where the figures are from.
const BUILT_IN: &str = include_str!("../prices.json");

/// The built-in table with what the plan says put over it.
pub(crate) fn read(text: Option<&NamedText>, report: &mut Report) -> PriceTable {
    let mut table = serde_json::from_str(BUILT_IN).map(table_of).unwrap_or_default();
    let Some(named) = text else { return table };
    let Some((source, raw)) = Source::parse(&named.file, &named.text, &mut report.findings) else {
        return table;
    };
    let repaired = Walk { source: &source, report }.record(&raw, &PRICES, &[]);
    let Some(file) = repaired.and_then(|value| serde_json::from_value::<PricesFile>(value).ok()) else {
        return table;
    };
    check_version(file.version.as_deref(), &source, report);
    for (model, price) in &file.models {
        let place =
            |rest: &[Step<'_>]| source.place(&[&[Step::Key("models"), Step::Key(model)], rest].concat());
        if price.cached.is_some_and(|cached| cached > price.input) && !report.tells_of(&place(&[])) {
            let place = place(&[Step::Key("cached")]);
            let message = format!("Tokens of `{model}` cost more from the cache than when they are new.");
            report.warning("price-order", place, message, "Look whether `input` and `cached` are exchanged.");
        }
    }
    let own = table_of(file);
    // A name in the built-in table is closer to a model than a pattern of the plan, which goes before it.
    table.models.retain(|built_in, _| !own.models.keys().any(|pattern| fits(pattern, built_in)));
    table.models.extend(own.models);
    table
}

fn table_of(file: PricesFile) -> PriceTable {
    let price = |(model, entry): (String, crate::schema::PriceEntry)| {
        let cached = entry.cached.unwrap_or(entry.input);
        (model, Price { input: entry.input, cached, output: entry.output })
    };
    PriceTable { models: file.models.into_iter().map(price).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_sound_and_a_plan_goes_before_it() {
        let mut report = Report::default();
        let named = NamedText::new("prices.json", BUILT_IN);
        let built_in = read(Some(&named), &mut report);
        assert_eq!(report.findings, []);
        let dollars = |table: &PriceTable, model| table.cost(model, 1_000_000, 0, 0).map(crate::Usd::dollars);
        assert_eq!(dollars(&built_in, "gpt-5-codex"), Some(1.25));
        let own = r#"{"models": {"gpt-5-codex": {"input": 2, "output": 3}, "mine-*": {"input": 0.5, "output": 1}}}"#;
        let table = read(Some(&NamedText::new("prices.json", own)), &mut report);
        assert_eq!(report.findings, []);
        assert_eq!((dollars(&table, "gpt-5-codex"), dollars(&table, "mine-2")), (Some(2.0), Some(0.5)));
        assert_eq!(table.cost("gpt-5-codex", 1_000_000, 1_000_000, 0), Some(crate::Usd::from_dollars(2.0)));
        assert_eq!(table.models.len(), built_in.models.len() + 1);
        let own = r#"{"models": {"gpt-5*": {"input": 7, "output": 8}}}"#;
        let table = read(Some(&NamedText::new("prices.json", own)), &mut report);
        for (model, price) in [("gpt-5", 7.0), ("gpt-5-codex", 7.0), ("gpt-6.1-sol", 2.0)] {
            assert_eq!(dollars(&table, model), Some(price), "{model}");
        }
    }
}
