//! `eyebar audit`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use eyebar::tasks::audit::{
    Attacker, AuditRequest, AuditResult, GroupSource, Shard, audit, audit_shard, default_masks, delete_embeddings,
    merge,
};
use eyebar::tasks::publication::{PublicationRequest, outputs, publication};
use eyebar::{Error, Faces, Matcher, Model, Photo, is_photograph};
use eyebar_explain::Progress;
use eyebar_face::Mask;

use eyebar_gallery::SubjectName;

use crate::gallery::{GalleryArgs, now, rate};
use crate::options::{Global, whole};
use crate::output::{print, quoted, show, warn};
use crate::paths;
use crate::progress::Bar;

/// Share of probes of which at most the right person may come first, where nobody names one.
const TARGET: f64 = 0.05;

/// Is a mask enough? Given one photograph of each candidate, does an attacker find the right person behind it?
///
/// Everybody of a dataset with enough photographs is looked for behind every mask, by every attacker and matcher, draw after
/// draw; from some of the others attackers learn, and some are strangers who should be found to be nobody.
///
/// Of photographs that are to be published it says who in a gallery could be looked up with them, without a mask and behind
/// each, and which masks would do; the masked photographs are written without any metadata.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  eyebar audit lfw/
  eyebar audit lfw/ --masks eye-bar,face,pixelate:8 --matchers sface --json
  eyebar audit photos.csv --photos 4 --attackers naive,masked-gallery --groups photos.csv
  eyebar audit lfw/ --groups female=lfw_female_names.txt,male=lfw_male_names.txt --target rank1=0.05
  eyebar audit lfw/ --shard 1/4 --out part1   (and 2/4, 3/4, 4/4 on other machines; then:)
  eyebar audit merge part1 part2 part3 part4 --out audit
  eyebar audit interview.jpg crowd.jpg --gallery staff.db --masks eye-bar,face,blur:0.6 --out checked

A dataset is a folder with a folder of photographs for each person, or a CSV file with the columns path and subject.
While it runs, what was seen of the photographs is kept in DIR/embeddings, so that a run that was interrupted goes on where
it stopped. Embeddings are biometric data: they are deleted at the end, unless you ask to --keep-embeddings."
)]
pub(crate) struct Audit {
    #[command(subcommand)]
    merge: Option<Merge>,
    /// A dataset of people: DIR/PERSON/*.jpg, or a CSV list; or photographs that are to be published
    #[arg(required = true, value_name = "DATASET|PHOTO")]
    inputs: Vec<PathBuf>,
    /// Masks, as `eyebar mask` takes them; a comma separates them
    #[arg(long, default_value_t = MaskList(default_masks()), value_name = "MASK,…")]
    masks: MaskList,
    /// What attackers know: naive, masked-gallery, adapted
    #[arg(long, value_delimiter = ',', default_values_t = Attacker::ALL, value_name = "NAME,…")]
    attackers: Vec<Attacker>,
    /// What they tell faces apart by: sface, vgg16, vgg16-averaged, eigenfaces, pixels
    #[arg(long, value_delimiter = ',', default_values_t = Matcher::ALL, value_name = "NAME,…")]
    matchers: Vec<Matcher>,
    /// Most people who are looked for
    #[arg(long, default_value_t = 1000, value_parser = whole::<2, 100_000>, value_name = "N")]
    people: usize,
    /// Photographs of each
    #[arg(long, default_value_t = 20, value_parser = whole::<2, 10000>, value_name = "N")]
    photos: usize,
    /// Draws of who is enrolled with which photograph
    #[arg(long, default_value_t = 20, value_parser = whole::<1, 10000>, value_name = "N")]
    draws: usize,
    /// Most other people that adapted attackers and eigenfaces learn from
    #[arg(long, default_value_t = 200, value_parser = whole::<3, 100_000>, value_name = "N")]
    learners: usize,
    /// Most people who are never enrolled; 0 for none
    #[arg(long, default_value_t = 240, value_parser = whole::<0, 100_000>, value_name = "N")]
    strangers: usize,
    /// Most people of whom it is found out which parts of the face make two photographs alike; 0 for none
    #[arg(long, default_value_t = 30, value_parser = whole::<0, 100_000>, value_name = "N")]
    evidence: usize,
    /// Groups reported apart: a CSV file with the columns subject and group, or lists NAME=FILE of subjects or photographs
    #[arg(long, value_delimiter = ',', value_name = "FILE|NAME=FILE,…")]
    groups: Vec<GroupSource>,
    /// Looks for the weakest mask of each family that keeps the share of probes whose person comes first below this
    /// [default: none is looked for; masks are held against 0.05]
    #[arg(long, value_parser = target, value_name = "rank1=RATE")]
    target: Option<f64>,
    /// Folder for report.html, results.json and CSV files
    #[arg(long, default_value = "audit", value_name = "DIR")]
    out: PathBuf,
    /// Shows the masks in the report on the first photograph of the dataset, not on a bundled portrait
    #[arg(long)]
    show_faces: bool,
    /// Keeps the embeddings in DIR/embeddings for further runs with the same matchers and seed
    #[arg(long)]
    keep_embeddings: bool,
    /// Looks at one part of the photographs, and writes what was seen to DIR as Parquet
    #[arg(long, conflicts_with_all = ["target", "show_faces", "keep_embeddings"], value_name = "I/N")]
    shard: Option<Shard>,
    /// Whom the photographs show, where each shows one face; else whoever is recognised without a mask
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// False match rate at which somebody of the gallery is recognised [default: 1e-4, or the lowest that was measured]
    #[arg(long, value_parser = rate, value_name = "RATE")]
    fmr: Option<f64>,
    #[command(flatten)]
    gallery: GalleryArgs,
}

/// Masks with commas between them; a box of one's own has commas itself.
#[derive(Debug, Clone)]
struct MaskList(Vec<Mask>);

impl std::str::FromStr for MaskList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut masks = Vec::new();
        let mut words = text.split(',');
        while let Some(word) = words.next() {
            let mut mask = word.to_owned();
            if word.trim_start().to_ascii_lowercase().starts_with("custom") {
                words.by_ref().take(3).for_each(|number| mask = format!("{mask},{number}"));
            }
            masks.push(mask.parse().map_err(|error: eyebar_face::FaceError| error.to_string())?);
        }
        Ok(Self(masks))
    }
}

impl std::fmt::Display for MaskList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let masks: Vec<String> = self.0.iter().map(Mask::to_string).collect();
        f.write_str(&masks.join(","))
    }
}

/// Puts shards together.
#[derive(Debug, Subcommand)]
enum Merge {
    /// Makes the audit of all shards, as one run would have made it; the photographs are not needed
    Merge {
        /// The folders that --shard wrote
        #[arg(required = true, value_name = "DIR")]
        shards: Vec<PathBuf>,
        /// Folder for report.html, results.json and CSV files
        #[arg(long, default_value = "audit", value_name = "DIR")]
        out: PathBuf,
    },
}

/// `rank1=0.05`, or the rate alone.
fn target(text: &str) -> Result<f64, String> {
    rate(text.strip_prefix("rank1=").unwrap_or(text))
}

impl Audit {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        if let Some(Merge::Merge { shards, out }) = &self.merge {
            paths::check_folder(out)?;
            let result = watched(|stage, progress| merge(shards, stage, progress))?;
            return finish(&result, out, &Photo::portrait()?, global);
        }
        if self.inputs.iter().all(|path| is_photograph(path)) {
            return self.publication(global);
        }
        let [dataset] = &self.inputs[..] else {
            let reason = "one dataset at a time; hint: name one folder or CSV file, or photographs alone";
            return Err(Error::Usage(reason.to_owned()));
        };
        if self.subject.is_some() || self.fmr.is_some() {
            let reason =
                "--subject and --fmr are for photographs and a gallery; hint: leave them out, or name photographs";
            return Err(Error::Usage(reason.to_owned()));
        }
        let request = self.request(dataset, global);
        paths::check_folder(&self.out)?;
        if let Some(shard) = self.shard {
            let count = watched(|stage, progress| audit_shard(&request, shard, &self.out, stage, progress))?;
            return print(&format!(
                "shard {shard}: {count} photographs looked at, written to {}\nIt holds embeddings, which are biometric data.\n",
                self.out.display()
            ));
        }
        let example = if self.show_faces { first(&request)? } else { Photo::portrait()? };
        let embeddings = self.out.join("embeddings");
        let run = || {
            let result = watched(|stage, progress| audit(&request, Some(&embeddings), stage, progress))?;
            finish(&result, &self.out, &example, global)
        };
        match run() {
            Ok(()) if !self.keep_embeddings => delete_embeddings(&embeddings),
            Ok(()) => Ok(()),
            Err(error) => {
                if embeddings.exists() {
                    warn(&format!(
                        "what was seen of photographs is kept in {}: the same command goes on from there; delete it if it will \
                         not be run, for embeddings are biometric data",
                        embeddings.display()
                    ));
                }
                Err(error)
            }
        }
    }

    /// Photographs that are to be published, and a gallery.
    fn publication(&self, global: &Global) -> Result<(), Error> {
        if self.shard.is_some() || self.target.is_some() || !self.groups.is_empty() {
            let reason = "--shard, --target and --groups are for datasets; hint: leave them out for photographs";
            return Err(Error::Usage(reason.to_owned()));
        }
        paths::check_folder(&self.out)?;
        let model = Model::open("sface", None)?;
        make_folder(&self.out)?;
        let outputs = outputs(&self.inputs, &self.masks(), &self.out);
        let inputs: Vec<&Path> = self.inputs.iter().map(PathBuf::as_path).collect();
        paths::check(&inputs, &outputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        let mut gallery = self.gallery.open()?;
        let request = PublicationRequest {
            photos: self.inputs.clone(),
            masks: self.masks(),
            subject: self.subject.as_deref().map(SubjectName::new).transpose()?,
            fmr: self.fmr,
            seed: global.seed,
        };
        let result = watched(|stage, progress| {
            stage("photographs");
            publication(&request, &mut gallery, &model, now(), progress)
        })?;
        let files = result.write(&self.out)?;
        show(global, &result, &result.tables(), &files)
    }

    /// Each once.
    fn masks(&self) -> Vec<Mask> {
        let mut masks = Vec::new();
        for mask in &self.masks.0 {
            if !masks.contains(mask) {
                masks.push(*mask);
            }
        }
        masks
    }

    fn request(&self, dataset: &Path, global: &Global) -> AuditRequest {
        let (mut matchers, mut attackers) = (self.matchers.clone(), self.attackers.clone());
        matchers.sort_unstable();
        matchers.dedup();
        attackers.sort_unstable();
        attackers.dedup();
        let mut request = AuditRequest {
            masks: self.masks(),
            attackers,
            matchers,
            people: self.people,
            photos: self.photos,
            draws: self.draws,
            learners: self.learners,
            strangers: self.strangers,
            evidence: self.evidence,
            groups: self.groups.clone(),
            target: self.target.unwrap_or(TARGET),
            search: self.target.is_some(),
            seed: global.seed,
            ..AuditRequest::new(dataset)
        };
        request.command = command(&request);
        request
    }
}

/// The command that makes the same, whatever was left to defaults, and wherever it is written to.
fn command(request: &AuditRequest) -> String {
    let list = |names: Vec<String>| names.join(",");
    let mut words = vec!["audit".to_owned(), request.dataset.display().to_string()];
    let mut option = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    option("masks", MaskList(request.masks.clone()).to_string());
    option("attackers", list(request.attackers.iter().map(Attacker::to_string).collect()));
    option("matchers", list(request.matchers.iter().map(Matcher::to_string).collect()));
    option("people", request.people.to_string());
    option("photos", request.photos.to_string());
    option("draws", request.draws.to_string());
    option("learners", request.learners.to_string());
    option("strangers", request.strangers.to_string());
    option("evidence", request.evidence.to_string());
    if !request.groups.is_empty() {
        option("groups", list(request.groups.iter().map(GroupSource::to_string).collect()));
    }
    if request.search {
        option("target", format!("rank1={}", request.target));
    }
    option("seed", request.seed.to_string());
    quoted(words.into_iter())
}

/// The first photograph of the dataset that will be used; it must show a face.
fn first(request: &AuditRequest) -> Result<Photo, Error> {
    let people = eyebar::Dataset::open(&request.dataset)?.people;
    let photo = people.iter().find(|person| person.photos.len() >= request.photos);
    let Some(path) = photo.and_then(|person| person.photos.first()) else { return Photo::portrait() };
    let photo = Photo::open(path)?;
    Faces::new().among(&photo)?;
    Ok(photo)
}

/// Runs with a progress bar.
fn watched<T>(work: impl FnOnce(&dyn Fn(&str), Progress<'_>) -> Result<T, Error>) -> Result<T, Error> {
    let bar = Bar::new("photographs");
    work(&|what| bar.name(what), &|done, total| bar.update(done, total))
}

fn finish(result: &AuditResult, out: &Path, example: &Photo, global: &Global) -> Result<(), Error> {
    make_folder(out)?;
    let files = result.write(out, example)?;
    show(global, result, &result.tables(), &files)
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::MaskList;

    #[test]
    fn boxes_of_ones_own_keep_their_commas() {
        for text in ["eye-bar,custom:-1,-0.5,1,0.5,face:1.5", "custom:0,0,1,1", "blur:0.3"] {
            let masks: MaskList = text.parse().unwrap();
            assert_eq!(masks.to_string(), text);
        }
        for text in ["", "eye-bar,,face", "custom:1,2", "hat"] {
            assert!(text.parse::<MaskList>().unwrap_err().contains("hint"), "{text}");
        }
    }
}
