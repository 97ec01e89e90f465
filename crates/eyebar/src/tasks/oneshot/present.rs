//! The figure, the tables, and the answer in words.

use eyebar_audit::Interval;
use eyebar_audit::oneshot::{Method, Outcome};
use eyebar_imaging::RgbImage;
use eyebar_report::{Cell, Figure, Line, LineChart, Row, Table};

use super::OneShotResult;

impl OneShotResult {
    /// A figure for a slide: a row for each matcher, with who came first and, where strangers came, who was missed.
    pub fn figure(&self) -> RgbImage {
        let open = self.strangers > 0;
        let figure = Figure::new("Nearest neighbour or trained head?").subtitle(format!(
            "{} people ({}), each enrolled with few photographs; chance {}.",
            self.people,
            self.dataset,
            percent(1.0 / self.people as f64)
        ));
        let rows = self.matchers.iter().map(|(matcher, outcomes)| {
            let name = matcher.title();
            let first = self.chart(format!("{name}: person comes first"), outcomes, &|outcome| Some(outcome.rank1));
            let missed = format!("{name}: missed when strangers come");
            let missed = self.chart(missed, outcomes, &|outcome| outcome.open_set.map(|open| open.fnir));
            Row::new("", std::iter::once(first).chain(open.then_some(missed)).map(Cell::chart))
        });
        let missed = match open {
            true => format!(
                " Missed: refused or taken for somebody else, at thresholds that let in {} of strangers' photographs.",
                percent(self.experiment.fpir)
            ),
            false => String::new(),
        };
        rows.fold(figure, Figure::row)
            .footnote(format!(
                "{} draws, {} photographs of each person looked for; bars are 95 % intervals over people; enrolled without \
                 variants.{missed}",
                self.experiment.draws, self.experiment.probes
            ))
            .footnote(self.models.join(", "))
            .render()
    }

    fn chart(&self, title: String, outcomes: &[Outcome], pick: &dyn Fn(&Outcome) -> Option<Interval>) -> LineChart {
        let place = |shots: usize| self.experiment.shots.iter().position(|&other| other == shots).unwrap_or(0) as f64;
        let marks = self.experiment.shots.iter().map(|&shots| (place(shots), shots.to_string()));
        let chart =
            LineChart::new(title).percent().marks(marks).note("photographs enrolled of each person").range(0.0, 1.0);
        let methods = self.experiment.methods.iter().enumerate();
        methods.fold(chart, |chart, (index, &method)| {
            // Side by side, so that intervals do not cover each other.
            let aside = (index as f64 - (self.experiment.methods.len() - 1) as f64 / 2.0) * 0.05;
            let own = outcomes.iter().filter(|outcome| outcome.method == method && !outcome.augmented);
            let line = own.fold(Line::new(method.title()), |line, outcome| match pick(outcome) {
                Some(Interval { value, low, high }) => line.interval(place(outcome.shots) + aside, value, low, high),
                None => line,
            });
            chart.line(if method.is_trained() { line.dashed() } else { line })
        })
    }

    /// The tables: who took part, then for each matcher what came out.
    pub fn tables(&self) -> Vec<Table> {
        let mut cast = Table::new("Who took part").text("").number("", "");
        for (name, count) in [
            ("People enrolled", self.people),
            ("Photographs of each", self.photos),
            ("Strangers", self.strangers),
            ("Photographs of strangers", self.stranger_photos),
            ("Others, for eigenfaces", self.fitted_people),
            ("Photographs without a face", self.without_face.len()),
            ("Photographs that are there twice", self.twice.len()),
            ("People left out for that", self.left_out.len()),
        ] {
            cast = cast.row([name.to_owned(), count.to_string()]);
        }
        let mut tables = vec![cast];
        for (matcher, outcomes) in &self.matchers {
            let conditions: &[bool] = if self.experiment.augmented { &[false, true] } else { &[false] };
            for &augmented in conditions {
                let own: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.augmented == augmented).collect();
                let with = if augmented { ", with variants of the photographs" } else { "" };
                tables.push(
                    self.table(&format!("{}{with}", matcher.title()), "Rank-1", &own, &|outcome| Some(outcome.rank1)),
                );
                if own.iter().any(|outcome| outcome.open_set.is_some()) {
                    let title = format!("{}{with}: missed or mistaken when strangers come, FNIR", matcher.title());
                    let table = self.table(&title, "FNIR", &own, &|outcome| outcome.open_set.map(|open| open.fnir));
                    tables.push(table.note(self.open_note(&own)));
                }
            }
        }
        if let Some(answer) = self.answer() {
            tables.push(answer);
        }
        tables
    }

    fn table(
        &self,
        title: &str,
        what: &str,
        outcomes: &[&Outcome],
        pick: &dyn Fn(&Outcome) -> Option<Interval>,
    ) -> Table {
        let mut table = Table::new(title).text(format!("{what}, %; photographs"));
        for shots in &self.experiment.shots {
            table = table.number(shots.to_string(), "");
        }
        for &method in &self.experiment.methods {
            let cell = |&shots: &usize| {
                let found = outcomes.iter().find(|outcome| outcome.method == method && outcome.shots == shots);
                found.and_then(|outcome| pick(outcome)).map_or_else(|| "–".to_owned(), interval)
            };
            table = table.row(std::iter::once(method.title().to_owned()).chain(self.experiment.shots.iter().map(cell)));
        }
        table
    }

    /// What the thresholds did to the strangers that did not set them.
    fn open_note(&self, outcomes: &[&Outcome]) -> String {
        let rates = outcomes.iter().filter_map(|outcome| outcome.open_set).map(|open| open.fpir.value);
        let (low, high) = rates.fold((1.0f64, 0.0f64), |(low, high), rate| (low.min(rate), high.max(rate)));
        format!(
            "At thresholds that took {} of the photographs of half of the strangers for somebody; of the other half they took \
             {} to {}.",
            percent(self.experiment.fpir),
            percent(low),
            percent(high)
        )
    }

    /// From how many photographs on something beats the nearest neighbour.
    fn answer(&self) -> Option<Table> {
        if !self.experiment.methods.contains(&Method::Nearest) {
            return None;
        }
        let mut table = Table::new("What beats the nearest neighbour of the same photographs?")
            .text("Matcher")
            .text("Instead")
            .text("Better from (photographs)")
            .text("Worse at")
            .number("Gain with the most photographs, points", "");
        for (matcher, outcomes) in &self.matchers {
            for &method in &self.experiment.methods {
                for augmented in [false, true] {
                    let own: Vec<(usize, Interval)> = outcomes
                        .iter()
                        .filter(|outcome| outcome.method == method && outcome.augmented == augmented)
                        .filter_map(|outcome| Some((outcome.shots, outcome.advantage?)))
                        .collect();
                    let Some(&(_, last)) = own.last() else { continue };
                    let with = if augmented { ", with variants" } else { "" };
                    table = table.row([
                        matcher.title().to_owned(),
                        format!("{}{with}", method.title()),
                        better_from(&own).map_or_else(|| "never".to_owned(), |shots| shots.to_string()),
                        worse_at(&own),
                        format!("{:+.1} ({:+.1} to {:+.1})", 100.0 * last.value, 100.0 * last.low, 100.0 * last.high)
                            .replace('-', "−"),
                    ]);
                }
            }
        }
        Some(table.note("Better or worse: the whole 95 % interval of the difference, in pairs over people, says so."))
    }
}

/// The fewest photographs from which on the advantage is certain for all that were tried.
fn better_from(own: &[(usize, Interval)]) -> Option<usize> {
    own.iter().rev().take_while(|(_, advantage)| advantage.low > 0.0).last().map(|&(shots, _)| shots)
}

fn worse_at(own: &[(usize, Interval)]) -> String {
    let worse: Vec<String> =
        own.iter().filter(|(_, advantage)| advantage.high < 0.0).map(|(shots, _)| shots.to_string()).collect();
    if worse.is_empty() { "–".to_owned() } else { worse.join(", ") }
}

fn interval(interval: Interval) -> String {
    format!("{:.1} ({:.1}–{:.1})", 100.0 * interval.value, 100.0 * interval.low, 100.0 * interval.high)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
