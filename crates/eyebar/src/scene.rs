//! What a model is shown: an array as it is, a whole photograph, or the aligned face of one.

use std::path::{Path, PathBuf};

use eyebar_face::{Detector, Face, Landmarks, align, detect::nearest_centre};
use eyebar_imaging::resize::resize;
use eyebar_imaging::{Limits, RgbImage, npy, open};
use eyebar_tensor::Tensor;

use crate::error::Error;
use crate::model::Model;

/// Pictures that maps are laid over are shrunk to this: larger ones make figures no better.
const CANVAS_SIDE: u32 = 1024;

/// A photograph, with the file it came from.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The file.
    pub path: PathBuf,
    /// The pixels, upright.
    pub image: RgbImage,
    /// Metadata found in the file (never written again).
    pub metadata: Vec<String>,
}

impl Photo {
    /// Reads a photograph, turned upright.
    ///
    /// # Errors
    /// When it is no picture, or too large.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let decoded = open(path, &Limits::default())?;
        Ok(Self { path: path.to_path_buf(), image: decoded.image, metadata: decoded.metadata })
    }

    /// The test portrait: Eileen Collins, NASA, public domain.
    ///
    /// # Errors
    /// Never, as a test shows.
    pub fn portrait() -> Result<Self, Error> {
        Self::bundled("astronaut.png")
    }

    /// A photograph of `fixtures/photos` that is embedded in the binary.
    ///
    /// # Errors
    /// When it is not embedded.
    pub fn bundled(file: &str) -> Result<Self, Error> {
        let bytes = crate::bundle::photo(file)
            .ok_or_else(|| Error::Usage(format!("{file:?} is not among the embedded photographs")))?;
        let decoded = eyebar_imaging::decode(bytes, &Limits::default())?;
        Ok(Self { path: file.into(), image: decoded.image, metadata: Vec::new() })
    }

    /// The photograph as a mirror shows it.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let (width, height) = self.image.dimensions();
        let image = RgbImage::from_fn(width, height, |x, y| *self.image.get_pixel(width - 1 - x, y));
        Self { image, ..self.clone() }
    }
}

/// What a model is shown.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The network's input, a batch of one.
    pub input: Tensor,
    /// The picture that maps belong to: they span all of it. `None` for an array.
    pub canvas: Option<RgbImage>,
    /// Landmarks on the canvas, where a face was found.
    pub landmarks: Option<Landmarks>,
    /// The photograph it was made of; `None` for an array.
    pub photo: Option<Photo>,
}

/// Finds faces; one network for all photographs of a process.
pub struct Faces {
    detector: Detector,
}

impl Faces {
    /// Loads the bundled detector.
    ///
    /// # Errors
    /// Never, as a test shows.
    pub fn new() -> Result<Self, Error> {
        let model = Model::open("yunet", None)?;
        Ok(Self { detector: Detector::new(model.graph().clone())? })
    }

    /// All faces, best first.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn all(&self, image: &RgbImage) -> Result<Vec<Face>, Error> {
        Ok(self.detector.detect(image)?)
    }

    /// The face nearest to the middle: whom a portrait shows.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn central(&self, image: &RgbImage) -> Result<Option<Face>, Error> {
        let faces = self.all(image)?;
        Ok(nearest_centre(&faces, image.width(), image.height()).copied())
    }
}

impl Scene {
    /// Reads a `.npy` array that is preprocessed already, or a photograph, which is shown as the model wants it: an
    /// embedder sees the aligned face, any other model the whole photograph.
    ///
    /// # Errors
    /// When the file cannot be read, or an embedder finds no face.
    pub fn open(path: &Path, model: &Model, faces: &Faces) -> Result<Self, Error> {
        if is_array(path) {
            let input = npy::read(path)?;
            model.check_array(path, &input)?;
            return Ok(Self { input, canvas: None, landmarks: None, photo: None });
        }
        Self::of(&Photo::open(path)?, model, faces)
    }

    /// As [`Scene::open`], for a photograph that was read already.
    ///
    /// # Errors
    /// As [`Scene::open`].
    pub fn of(photo: &Photo, model: &Model, faces: &Faces) -> Result<Self, Error> {
        let landmarks = faces.central(&photo.image)?.map(|face| face.landmarks);
        Self::placed(photo, landmarks.as_ref(), model)
    }

    /// As [`Scene::of`], with the landmarks known.
    ///
    /// # Errors
    /// When an embedder is given no landmarks, or nobody said how photographs are fed.
    pub fn placed(photo: &Photo, landmarks: Option<&Landmarks>, model: &Model) -> Result<Self, Error> {
        if model.is_embedder() {
            let landmarks = landmarks.ok_or_else(|| Error::NoFace { path: photo.path.clone() })?;
            Self::aligned(photo, landmarks, model)
        } else {
            Self::whole(photo, landmarks, model)
        }
    }

    fn whole(photo: &Photo, landmarks: Option<&Landmarks>, model: &Model) -> Result<Self, Error> {
        let input = model.spec()?.fitted_tensor(&photo.image);
        let (canvas, scale) = shrink(&photo.image);
        let landmarks = landmarks.map(|landmarks| landmarks.map(|point| scaled(point, scale)));
        Ok(Self { input, canvas: Some(canvas), landmarks, photo: Some(photo.clone()) })
    }

    fn aligned(photo: &Photo, landmarks: &Landmarks, model: &Model) -> Result<Self, Error> {
        let alignment = align::alignment(landmarks)?;
        let crop = align::aligned(&photo.image, landmarks)?;
        let landmarks = landmarks.map(|(x, y)| {
            let (x, y) = alignment.apply((x.into(), y.into()));
            (x as f32, y as f32)
        });
        let input = model.spec()?.fitted_tensor(&crop);
        Ok(Self { input, canvas: Some(crop), landmarks: Some(landmarks), photo: Some(photo.clone()) })
    }
}

/// Whether a file is an array rather than a picture.
pub fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

fn shrink(image: &RgbImage) -> (RgbImage, f32) {
    let longer = image.width().max(image.height());
    if longer <= CANVAS_SIDE {
        return (image.clone(), 1.0);
    }
    let scale = CANVAS_SIDE as f32 / longer as f32;
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    (resize(image, side(image.width()), side(image.height())), scale)
}

/// A point whose pixel centres lie at integers, in a picture scaled about its corner.
fn scaled((x, y): (f32, f32), scale: f32) -> (f32, f32) {
    ((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5)
}
