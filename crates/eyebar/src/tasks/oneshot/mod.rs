//! Nearest neighbour or a trained head, with few photographs of each person?

mod present;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use eyebar_audit::Pca;
use eyebar_audit::oneshot::{DEFAULT_PENALTY, Experiment, Method, Outcome, Photo as Vectors, run};
use eyebar_explain::{ExplainError, Progress};
use serde::Serialize;

use crate::dataset::{Dataset, Person};
use crate::error::Error;
use crate::matcher::{EIGENFACES, Extracted, Extractor, Matcher};
use crate::recogniser::each_photo;
use crate::scene::Faces;
use crate::variants::variants;

/// Photographs of a stranger that are looked for.
const STRANGER_PHOTOS: usize = 4;

/// Most people that eigenfaces are fitted on.
const FITTED_PEOPLE: usize = 500;

/// What is tried.
#[derive(Debug, Clone)]
pub struct OneShotRequest {
    /// The people.
    pub dataset: PathBuf,
    /// Matchers.
    pub matchers: Vec<Matcher>,
    /// Methods.
    pub methods: Vec<Method>,
    /// Photographs that everybody is enrolled with.
    pub shots: Vec<usize>,
    /// Photographs of each enrolled person that are used: what is not enrolled is looked for.
    pub photos: usize,
    /// Most people who are enrolled.
    pub people: usize,
    /// Most people who are never enrolled, and must be refused.
    pub strangers: usize,
    /// Draws.
    pub draws: usize,
    /// Share of strangers' photographs that may be taken for somebody, where thresholds are set.
    pub fpir: f64,
    /// Whether everything is tried with variants of the enrolled photographs, too.
    pub augmented: bool,
    /// Weight of the squares of a head's weights.
    pub penalty: f64,
    /// Seed of the draws, heads and intervals.
    pub seed: u64,
}

impl OneShotRequest {
    /// The experiment with everything as usual.
    pub fn new(dataset: &Path) -> Self {
        Self {
            dataset: dataset.to_path_buf(),
            matchers: Matcher::ALL.to_vec(),
            methods: Method::ALL.to_vec(),
            shots: vec![1, 2, 3, 5, 10],
            photos: 20,
            people: 1000,
            strangers: 500,
            draws: 20,
            fpir: 0.01,
            augmented: true,
            penalty: DEFAULT_PENALTY,
            seed: 0,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct OneShotResult {
    /// The dataset's name.
    pub dataset: String,
    /// People enrolled.
    pub people: usize,
    /// Photographs of each.
    pub photos: usize,
    /// People never enrolled.
    pub strangers: usize,
    /// Photographs of those.
    pub stranger_photos: usize,
    /// Other people that eigenfaces were fitted on.
    pub fitted_people: usize,
    /// Photographs without a face. Whoever would be enrolled and has one is left out.
    pub without_face: Vec<PathBuf>,
    /// Photographs that are there twice, under one name or two: all but the first are left out, and whoever would be
    /// enrolled with them.
    pub twice: Vec<PathBuf>,
    /// People who were left out for that.
    pub left_out: Vec<String>,
    /// The networks, with the start of their hashes.
    pub models: Vec<String>,
    /// Everything else that was stated.
    pub experiment: Experiment,
    /// For each matcher what came out.
    pub matchers: BTreeMap<Matcher, Vec<Outcome>>,
}

/// Runs the experiment; `stage` is told what is being done, `progress` how much of it.
///
/// # Errors
/// When the dataset cannot be read or has too few people or photographs, or `progress` cancels.
pub fn oneshot(request: &OneShotRequest, stage: &dyn Fn(&str), progress: Progress<'_>) -> Result<OneShotResult, Error> {
    let most = request.shots.iter().copied().max().unwrap_or(0);
    let probes = request.photos.checked_sub(most).filter(|&probes| probes > 0).ok_or_else(|| {
        Error::Usage(format!(
            "{} photographs of each person leave none to look for when {most} are enrolled; hint: give more --photos, or fewer \
             --shots",
            request.photos
        ))
    })?;
    let needs_fit = request.matchers.contains(&Matcher::Eigenfaces);
    let cast = Cast::of(&Dataset::open(&request.dataset)?, request, needs_fit)?;
    let looked = Looked::at(&cast, request, stage, progress)?;
    let in_dataset = |source| Error::Dataset { path: request.dataset.clone(), source };
    let eigenfaces = match needs_fit {
        true => {
            let pixels: Vec<&[f32]> = looked.fitted.iter().map(|extracted| &extracted.pixels[..]).collect();
            Some(Pca::fit(&pixels, EIGENFACES).map_err(in_dataset)?)
        }
        false => None,
    };
    let experiment = Experiment {
        shots: request.shots.clone(),
        probes,
        draws: request.draws,
        seed: request.seed,
        fpir: request.fpir,
        methods: request.methods.clone(),
        augmented: request.augmented,
        penalty: request.penalty,
    };
    let mut matchers = BTreeMap::new();
    for &matcher in &request.matchers {
        stage(matcher.title());
        let vector = |extracted: &Extracted| matcher.vector(extracted, eigenfaces.as_ref());
        let photo = |all: &Vec<Extracted>| Vectors {
            plain: all.first().map_or_else(Vec::new, vector),
            variants: all.iter().skip(1).map(vector).collect(),
        };
        let people: Vec<Vec<Vectors>> =
            looked.people.iter().map(|(_, photos)| photos.iter().map(photo).collect()).collect();
        let strangers: Vec<Vec<Vec<f32>>> =
            looked.strangers.iter().map(|photos| photos.iter().map(vector).collect()).collect();
        let outcomes = run(&experiment, &people, &strangers, progress).map_err(in_dataset)?;
        matchers.insert(matcher, outcomes.ok_or(ExplainError::Cancelled)?);
    }
    Ok(OneShotResult {
        dataset: request.dataset.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        people: looked.people.len(),
        photos: request.photos,
        strangers: looked.strangers.len(),
        stranger_photos: looked.strangers.iter().map(Vec::len).sum(),
        fitted_people: looked.fitted.len(),
        without_face: looked.without_face,
        twice: looked.twice,
        left_out: looked.left_out,
        models: looked.models,
        experiment,
        matchers,
    })
}

/// Who plays which part.
struct Cast {
    people: Vec<Person>,
    strangers: Vec<Person>,
    fitted: Vec<Person>,
}

impl Cast {
    /// Whoever has enough photographs is enrolled; of the others, those with the most photographs are strangers, and
    /// eigenfaces are fitted on the rest, where they are needed.
    fn of(dataset: &Dataset, request: &OneShotRequest, needs_fit: bool) -> Result<Self, Error> {
        let (enough, mut others): (Vec<&Person>, Vec<&Person>) =
            dataset.people.iter().partition(|person| person.photos.len() >= request.photos);
        if enough.len() < 2 {
            return Err(Error::Usage(format!(
                "{}: {} people have {} photographs or more, at least 2 are needed; hint: ask for fewer --photos and --shots",
                request.dataset.display(),
                enough.len(),
                request.photos
            )));
        }
        // A stable sort: by name among those with equally many.
        others.sort_by_key(|person| std::cmp::Reverse(person.photos.len().min(STRANGER_PHOTOS)));
        let strangers = request.strangers.min(if needs_fit { others.len() / 2 } else { others.len() });
        let (strangers, rest) = others.split_at(strangers);
        let fitted = rest.iter().take(if needs_fit { FITTED_PEOPLE } else { 0 });
        Ok(Self {
            people: enough.iter().take(request.people).map(|person| person.first(request.photos)).collect(),
            strangers: strangers.iter().map(|person| person.first(STRANGER_PHOTOS)).collect(),
            fitted: fitted.map(|person| person.first(1)).collect(),
        })
    }
}

/// What matchers saw of everybody.
struct Looked {
    /// Names with their photographs, each with its variants behind it.
    people: Vec<(String, Vec<Vec<Extracted>>)>,
    strangers: Vec<Vec<Extracted>>,
    fitted: Vec<Extracted>,
    without_face: Vec<PathBuf>,
    twice: Vec<PathBuf>,
    left_out: Vec<String>,
    models: Vec<String>,
}

impl Looked {
    fn at(cast: &Cast, request: &OneShotRequest, stage: &dyn Fn(&str), progress: Progress<'_>) -> Result<Self, Error> {
        let extractor = Extractor::new(&request.matchers)?;
        let only_pixels = Extractor::new(&[Matcher::Eigenfaces])?;
        let faces = Faces::new();
        let (mut without_face, mut twice, mut known) = (Vec::new(), Vec::new(), HashSet::new());
        let mut look = |what: &str, people: &[Person], extractor: &Extractor, with_variants: bool| {
            stage(what);
            let paths: Vec<PathBuf> = people.iter().flat_map(|person| person.photos.iter().cloned()).collect();
            let work = |photo: &crate::Photo| -> Result<(Option<String>, Option<Vec<Extracted>>), Error> {
                let hash = photo.source.sha256.clone();
                let Some(face) = faces.central(&photo.image)? else { return Ok((hash, None)) };
                let mut all = vec![extractor.extract(&photo.image, &face.landmarks)?];
                if with_variants {
                    for (image, landmarks) in variants(&photo.image, &face.landmarks) {
                        all.push(extractor.extract(&image, &landmarks)?);
                    }
                }
                Ok((hash, Some(all)))
            };
            let mut found = Vec::with_capacity(paths.len());
            for (path, (hash, seen)) in paths.iter().zip(each_photo(&paths, work, progress)?) {
                let is_new = hash.is_none_or(|hash| known.insert(hash));
                if seen.is_none() {
                    without_face.push(path.clone());
                } else if !is_new {
                    twice.push(path.clone());
                }
                found.push(seen.filter(|_| is_new));
            }
            let mut found = found.into_iter();
            let sorted = people.iter().map(|person| found.by_ref().take(person.photos.len()).flatten().collect());
            Ok::<Vec<Vec<Vec<Extracted>>>, Error>(sorted.collect())
        };
        let people = look("enrolled people", &cast.people, &extractor, request.augmented)?;
        let strangers = look("strangers", &cast.strangers, &extractor, false)?;
        let fitted = look("people to fit eigenfaces on", &cast.fitted, &only_pixels, false)?;
        let named = cast.people.iter().map(|person| person.name.clone()).zip(people);
        let (complete, rest): (Vec<_>, Vec<_>) = named.partition(|(_, photos)| photos.len() == request.photos);
        Ok(Self {
            people: complete,
            strangers: strangers
                .into_iter()
                .map(|photos| photos.concat())
                .filter(|photos| !photos.is_empty())
                .collect(),
            fitted: fitted.into_iter().flatten().flatten().collect(),
            without_face,
            twice,
            left_out: rest.into_iter().map(|(name, _)| name).collect(),
            models: extractor.models().to_vec(),
        })
    }
}
