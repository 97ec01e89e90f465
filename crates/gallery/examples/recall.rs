//! How many of the nearest a PostgreSQL server finds, and how fast: `cargo run --release -p eyebar-gallery --example recall --
//! [TEMPLATES [URL]]`. Without a URL it starts the server that the tests use.
//!
//! People are random points of the unit sphere in 128 dimensions, with five templates around each; queries are further
//! templates of people who are enrolled.

use std::ops::ControlFlow;
use std::time::Instant;

use eyebar_gallery::search::Index;
use eyebar_gallery::{Address, Details, Gallery, Location, SubjectName, Unlock};
use eyebar_testkit::postgres::Postgres;

const MODEL: &str = "m@1";
const DIMENSION: usize = 128;
const EACH: usize = 5;
const QUERIES: usize = 200;
const TOP: usize = 5;

/// Cosine of two templates of one person, about what SFace gives of two photographs.
const LIKENESS: f32 = 0.6;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let templates: usize = arguments.next().map_or(Ok(100_000), |count| count.parse())?;
    let address = match arguments.next() {
        Some(address) => address,
        None => Postgres::shared().ok_or("there is no server")?.database(),
    };
    let people = templates / EACH;
    let mut rng = fastrand::Rng::with_seed(1);
    let centres: Vec<Vec<f32>> = (0..people).map(|_| direction(&mut rng)).collect();
    let vectors: Vec<Vec<f32>> = centres.iter().flat_map(|centre| [centre; EACH]).map(|c| near(c, &mut rng)).collect();

    let folder = tempfile::tempdir()?;
    let unlock = Unlock::KeyFile(vec![1; 32].into());
    let mut file = Gallery::open_or_create(&folder.path().join("gallery.db").into(), &unlock, 0)?.0;
    for (person, templates) in vectors.chunks(EACH).enumerate() {
        let slices: Vec<&[f32]> = templates.iter().map(Vec::as_slice).collect();
        let name = SubjectName::new(&format!("person {person:07}"))?;
        file.enrol(&name, Details::default(), MODEL, &slices, 0)?;
    }
    let location = Location::Server(Box::new(Address::parse(&address)?));
    let mut server = Gallery::open_or_create(&location, &unlock, 0)?.0;
    let start = Instant::now();
    file.copy_into(&mut server, 0)?;
    println!("{} templates copied and indexed in {:.1} s", vectors.len(), start.elapsed().as_secs_f64());

    let mut index = Index::new(DIMENSION);
    vectors.iter().for_each(|vector| index.push(vector));
    let (mut found, mut first, mut asked) = (0, 0, 0.0);
    for _ in 0..QUERIES {
        let query = near(&centres[rng.usize(..people)], &mut rng);
        let hits = index.top(&query, TOP * EACH, |row, values| -> Result<(), std::convert::Infallible> {
            values.extend_from_slice(&vectors[row]);
            Ok(())
        })?;
        let mut truth: Vec<usize> = Vec::new();
        for person in hits.iter().map(|hit| hit.row / EACH) {
            if !truth.contains(&person) {
                truth.push(person);
            }
        }
        truth.truncate(TOP);
        let start = Instant::now();
        let nearest = server.nearest(MODEL, &[&query], TOP, 0, &|_, _| ControlFlow::Continue(()))?;
        asked += start.elapsed().as_secs_f64();
        let names: Vec<String> = nearest.matches[0].iter().map(|found| found.subject.name.to_string()).collect();
        let is_found = |person: &usize| names.contains(&format!("person {person:07}"));
        found += truth.iter().filter(|person| is_found(person)).count();
        first += usize::from(is_found(&truth[0]));
    }
    println!("recall@{TOP} {:.4}", found as f64 / (QUERIES * TOP) as f64);
    println!("the most similar person found in {:.4} of searches", first as f64 / QUERIES as f64);
    println!("{:.1} ms a search", 1e3 * asked / QUERIES as f64);

    let query = near(&centres[0], &mut rng);
    let start = Instant::now();
    file.nearest(MODEL, &[&query], TOP, 0, &|_, _| ControlFlow::Continue(()))?;
    println!("{:.1} ms a search in the file", 1e3 * start.elapsed().as_secs_f64());
    Ok(())
}

fn direction(rng: &mut fastrand::Rng) -> Vec<f32> {
    // Sums of uniform numbers are as good as normal ones here.
    let values: Vec<f32> = (0..DIMENSION).map(|_| (0..6).map(|_| rng.f32()).sum::<f32>() - 3.0).collect();
    unit(&values)
}

/// A template of the person at `centre`.
fn near(centre: &[f32], rng: &mut fastrand::Rng) -> Vec<f32> {
    let (along, across) = (LIKENESS.sqrt(), (1.0 - LIKENESS).sqrt());
    let values = centre.iter().zip(direction(rng)).map(|(centre, other)| along * centre + across * other);
    unit(&values.collect::<Vec<f32>>())
}

fn unit(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}
