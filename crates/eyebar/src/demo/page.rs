//! The report's opening and close.

use eyebar_report::{KeyNumber, Page, Section};

use super::Workshop;

/// Title, lead and the numbers that count.
pub(super) fn opening(results: &Workshop) -> Page {
    let mask = |name: &str| results.masks.masks.iter().find(|row| row.mask == name);
    let mut numbers = Vec::new();
    if let (Some(none), Some(bar)) = (mask("none"), mask("eye-bar")) {
        numbers.push(KeyNumber::new(format!("{:.2}", bar.similarity), "similarity behind the eye bar").detail(
            format!("without a mask {:.2}; same person from {:.3} on", none.similarity, results.masks.same_person),
        ));
        numbers.push(
            KeyNumber::new(format!("{:.0} %", 100.0 * bar.probability), format!("“{}” says the classifier", bar.top1))
                .detail(format!("without a mask: {}, {:.0} %", none.top1, 100.0 * none.probability)),
        );
    }
    let still = results.masks.masks.iter().filter(|row| row.mask != "none" && row.recognised).count();
    let all = results.masks.masks.len().saturating_sub(1);
    numbers.push(
        KeyNumber::new(format!("{still} of {all}"), "masks leave the person recognisable").detail("on this one pair"),
    );
    Page::new("What a CNN sees in a face, and what a mask really hides")
        .lead(
            "Four questions on one portrait, answered by the networks themselves: what do their filters detect, where do they \
             look, what do they lose when a part is hidden, and **is masking the eyes enough**?",
        )
        .lead(
            "Every measurement here was made just now, by the command at the foot of the page, and stands in `results.json`.",
        )
        .summary(Section::default().numbers(numbers))
}

/// What made the page.
pub(super) fn closing(page: Page, results: &Workshop, command: &str) -> Page {
    let mut facts = vec![
        ("Eyebar".to_owned(), results.eyebar.to_owned()),
        ("Command".to_owned(), command.to_owned()),
        ("Seed".to_owned(), results.seed.to_string()),
    ];
    for model in &results.models {
        facts.push((model.name.clone(), format!("{}; {}; SHA-256 {}", model.attribution, model.licence, model.sha256)));
    }
    page.footer(facts)
}
