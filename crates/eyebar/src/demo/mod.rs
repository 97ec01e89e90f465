//! The workshop: all parts in order on the bundled models and portraits, into one folder.

mod filters;
mod looks;
mod masks;
mod occlusion;
mod page;
mod saved;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use eyebar_explain::ExplainError;
use eyebar_imaging::encode::write_atomic;
use eyebar_report::{Page, Section};
use serde::Serialize;

use crate::error::Error;
use crate::model::Model;
use crate::scene::{Faces, Photo};

/// Called with the part's name, the steps done and the steps in all; answers whether to go on.
pub type PartProgress<'a> = &'a dyn Fn(&str, usize, usize) -> ControlFlow<()>;

/// Everything measured, as `results.json` has it.
#[derive(Debug, Serialize)]
pub struct Workshop {
    /// Version of Eyebar.
    pub eyebar: &'static str,
    /// Seed of everything random.
    pub seed: u64,
    /// The models, with the hashes of their files.
    pub models: Vec<ModelUsed>,
    /// What the filters detect.
    pub filters: Vec<crate::tasks::filters::LayerFilters>,
    /// What a cell of each of these layers sees.
    pub receptive_fields: Vec<filters::Sees>,
    /// Where the networks look.
    pub grad_cam: Vec<crate::tasks::cam::CamResult>,
    /// What hiding costs.
    pub occlusion: Vec<crate::tasks::occlude::OcclusionResult>,
    /// What the masks hide.
    pub masks: masks::MaskResults,
    /// The feature extractor, to take away.
    pub saved: saved::SavedModel,
    /// Where everything was written to, relative to the folder.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

/// A model of the workshop.
#[derive(Debug, Serialize)]
pub struct ModelUsed {
    name: String,
    sha256: String,
    licence: String,
    attribution: String,
}

/// What every part works with.
struct Stage<'a> {
    faces: Faces,
    portrait: Photo,
    features: Model,
    classifier: Model,
    embedder: Model,
    out: &'a Path,
    seed: u64,
    progress: PartProgress<'a>,
}

impl<'a> Stage<'a> {
    fn new(out: &'a Path, seed: u64, progress: PartProgress<'a>) -> Result<Self, Error> {
        Ok(Self {
            faces: Faces::new(),
            portrait: Photo::portrait()?,
            features: Model::open("vgg16", None)?,
            classifier: Model::open("efficientnet-lite0", None)?,
            embedder: Model::open("sface", None)?,
            out,
            seed,
            progress,
        })
    }

    /// Reports a step of a part.
    fn report(&self, part: &str, done: usize, total: usize) -> Result<(), Error> {
        match (self.progress)(part, done, total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ExplainError::Cancelled.into()),
        }
    }

    /// Writes a figure under `output_figures/`.
    fn save_figure(&self, name: &str, figure: &eyebar_imaging::RgbImage) -> Result<PathBuf, Error> {
        let relative = Path::new("output_figures").join(name);
        eyebar_imaging::encode::save(&self.out.join(&relative), figure)?;
        Ok(relative)
    }
}

/// Runs the workshop into `out`, which is created; `command` is stated in the report.
///
/// # Errors
/// When the folder cannot be written, or `progress` cancels.
pub fn workshop(out: &Path, seed: u64, command: &str, progress: PartProgress<'_>) -> Result<Workshop, Error> {
    for folder in [out.to_path_buf(), out.join("output_figures"), out.join("saved_model")] {
        std::fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
    }
    let stage = Stage::new(out, seed, progress)?;
    let mut files = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    let ((filters, receptive_fields), section, file) = filters::run(&stage)?;
    sections.push(section);
    files.push(file);
    let (grad_cam, section, file) = looks::run(&stage)?;
    sections.push(section);
    files.push(file);
    let (occlusion, section, file) = occlusion::run(&stage)?;
    sections.push(section);
    files.push(file);
    let (masks, section, file) = masks::run(&stage)?;
    sections.push(section);
    files.push(file);
    let (saved, section) = saved::run(&stage)?;
    sections.push(section);
    files.extend(saved.files.iter().map(|file| PathBuf::from(&file.file)));
    let models = [&stage.features, &stage.classifier, &stage.embedder, &Model::open("yunet", None)?].map(used);
    let mut results = Workshop {
        eyebar: env!("CARGO_PKG_VERSION"),
        seed,
        models: models.into(),
        filters,
        receptive_fields,
        grad_cam,
        occlusion,
        masks,
        saved,
        files,
    };
    let json = serde_json::to_string_pretty(&results).map_err(Error::serialise("the results"))?;
    write_atomic(&out.join("results.json"), json.as_bytes())?;
    let page = sections.into_iter().fold(page::opening(&results), Page::section);
    let page = page::closing(page, &results, command);
    write_atomic(&out.join("report.html"), page.render()?.as_bytes())?;
    results.files.extend(["results.json".into(), "report.html".into()]);
    Ok(results)
}

fn used(model: &Model) -> ModelUsed {
    let entry = model.entry();
    ModelUsed {
        name: model.name().to_owned(),
        sha256: model.sha256().to_owned(),
        licence: entry.map_or_else(String::new, |entry| entry.licence.clone()),
        attribution: entry.map_or_else(String::new, |entry| entry.attribution.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{ExplainError, Stage, looks, masks, saved};
    use crate::error::Error;

    #[test]
    fn every_part_stops_when_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let stop = |_: &str, _, _| ControlFlow::Break(());
        let stage = Stage::new(folder.path(), 0, &stop).unwrap();
        for error in [looks::run(&stage).err().unwrap(), masks::run(&stage).err().unwrap()] {
            assert!(matches!(error, Error::Explain(ExplainError::Cancelled)), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn sizes_of_the_saved_model_are_measured_or_the_manifests() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("saved_model")).unwrap();
        let on = |_: &str, _, _| ControlFlow::Continue(());
        let stage = Stage::new(folder.path(), 0, &on).unwrap();
        let (found, _) = saved::run(&stage).unwrap();
        let entry = stage.features.entry().unwrap();
        assert_eq!(found.original_bytes.map(i64::try_from), entry.source["original_bytes"].as_integer().map(Ok));
        assert_eq!(found.files[0].bytes, entry.bytes);
        for file in &found.files {
            assert_eq!(std::fs::metadata(folder.path().join(&file.file)).unwrap().len(), file.bytes, "{}", file.file);
        }
    }
}
