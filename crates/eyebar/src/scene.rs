//! What a model is shown: an array as it is, a whole photograph, or the aligned face of one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use eyebar_face::{Detector, Face, Landmarks, align, detect::nearest_centre};
use eyebar_imaging::resize::resize;
use eyebar_imaging::{Limits, RgbImage, flip_horizontal, npy, open};
use eyebar_tensor::Tensor;

use crate::error::Error;
use crate::model::Model;
use crate::provenance::Source;

/// Pictures that maps are laid over are shrunk to this: larger ones make figures no better.
const CANVAS_SIDE: u32 = 1024;

/// A photograph, with the file it came from.
#[derive(Debug, Clone)]
pub struct Photo {
    /// The file.
    pub path: PathBuf,
    /// The pixels, upright; shared, as photographs are large.
    pub image: Arc<RgbImage>,
    /// Metadata found in the file (never written again).
    pub metadata: Vec<String>,
    /// The bytes it was decoded from.
    pub source: Source,
}

impl Photo {
    /// Reads a photograph, turned upright.
    ///
    /// # Errors
    /// When it is no picture, or too large.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let decoded = open(path, &Limits::default())?;
        Ok(Self {
            path: path.to_path_buf(),
            image: Arc::new(decoded.image),
            metadata: decoded.metadata,
            source: Source::of_file(path),
        })
    }

    /// A photograph that is in memory, called `name`, turned upright.
    ///
    /// # Errors
    /// When it is no picture, or larger than `limits`.
    pub fn of_bytes(name: &str, bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let decoded = eyebar_imaging::decode(bytes, limits)?;
        Ok(Self {
            path: name.into(),
            image: Arc::new(decoded.image),
            metadata: decoded.metadata,
            source: Source::of_bytes(name, bytes),
        })
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
        let bytes = crate::bundle::photo(file).ok_or_else(|| {
            Error::Usage(format!("{file:?} is not among the embedded photographs; hint: name a file"))
        })?;
        let decoded = eyebar_imaging::decode(bytes, &Limits::default())?;
        Ok(Self {
            path: file.into(),
            image: Arc::new(decoded.image),
            metadata: Vec::new(),
            source: Source::of_bytes(file, bytes),
        })
    }

    /// The photograph as a mirror shows it, which is still said to be of the same file.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let image = flip_horizontal(&*self.image);
        Self { image: Arc::new(image), ..self.clone() }
    }
}

/// What a model is shown.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The network's input, a batch of one.
    pub input: Tensor,
    /// The picture that maps belong to: they span all of it. `None` for an array.
    pub canvas: Option<RgbImage>,
    /// Whether the canvas is the aligned face, not the whole photograph.
    pub aligned: bool,
    /// Landmarks on the canvas, where a face was looked for ([`Scene::with_face`]) and found.
    pub landmarks: Option<Landmarks>,
    /// The same in pixels of the photograph.
    pub on_photo: Option<Landmarks>,
    /// The photograph it was made of; `None` for an array.
    pub photo: Option<Photo>,
    /// The file of the array or photograph.
    pub source: Source,
}

/// Finds faces; one network for all photographs of a process, loaded when the first is looked for.
#[derive(Debug, Default)]
pub struct Faces {
    detector: OnceLock<Detector>,
}

impl Faces {
    /// Nothing is loaded yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the detector was needed.
    pub fn is_loaded(&self) -> bool {
        self.detector.get().is_some()
    }

    fn detector(&self) -> Result<&Detector, Error> {
        if let Some(detector) = self.detector.get() {
            return Ok(detector);
        }
        let detector = Detector::new(Model::open("yunet", None)?.graph().clone())?;
        Ok(self.detector.get_or_init(|| detector))
    }

    /// All faces, best first.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn all(&self, image: &RgbImage) -> Result<Vec<Face>, Error> {
        Ok(self.detector()?.detect(image)?)
    }

    /// The face nearest to the middle of a photograph that must have one, and how many it has.
    ///
    /// # Errors
    /// [`Error::NoFace`]; when the detector fails.
    pub fn among(&self, photo: &Photo) -> Result<(Face, usize), Error> {
        let faces = self.all(&photo.image)?;
        let central = nearest_centre(&faces, photo.image.width(), photo.image.height());
        let face = *central.ok_or_else(|| Error::NoFace { path: photo.path.clone() })?;
        Ok((face, faces.len()))
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
    /// embedder sees the aligned face, any other model the whole photograph, in which no face is looked for
    /// ([`Scene::with_face`] does).
    ///
    /// # Errors
    /// When the file cannot be read, or an embedder finds no face.
    pub fn open(path: &Path, model: &Model, faces: &Faces) -> Result<Self, Error> {
        if is_array(path) {
            let input = npy::read(path)?;
            model.check_array(path, &input)?;
            return Ok(Self {
                input,
                canvas: None,
                aligned: false,
                landmarks: None,
                on_photo: None,
                photo: None,
                source: Source::of_file(path),
            });
        }
        Self::of(&Photo::open(path)?, model, faces)
    }

    /// As [`Scene::open`], for a photograph that was read already.
    ///
    /// # Errors
    /// As [`Scene::open`].
    pub fn of(photo: &Photo, model: &Model, faces: &Faces) -> Result<Self, Error> {
        let landmarks = match model.is_embedder() {
            true => faces.central(&photo.image)?.map(|face| face.landmarks),
            false => None,
        };
        Self::placed(photo, landmarks.as_ref(), model)
    }

    /// Looks for the face that parts of a map are named after, where nobody has yet.
    ///
    /// # Errors
    /// When the detector fails.
    pub fn with_face(mut self, faces: &Faces) -> Result<Self, Error> {
        if let (None, Some(photo)) = (&self.on_photo, &self.photo) {
            let landmarks = faces.central(&photo.image)?.map(|face| face.landmarks);
            self.landmarks =
                landmarks.map(|landmarks| landmarks.map(|point| scaled(point, canvas_scale(&photo.image))));
            self.on_photo = landmarks;
        }
        Ok(self)
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
        let scale = canvas_scale(&photo.image);
        let (input, canvas) = match model.padded(&photo.image) {
            Some(padded) => (model.spec()?.fitted_tensor(&padded), shrink(&padded, scale)),
            None => (model.spec()?.fitted_tensor(&photo.image), shrink(&photo.image, scale)),
        };
        Ok(Self {
            input,
            canvas: Some(canvas),
            aligned: false,
            landmarks: landmarks.map(|landmarks| landmarks.map(|point| scaled(point, scale))),
            on_photo: landmarks.copied(),
            photo: Some(photo.clone()),
            source: photo.source.clone(),
        })
    }

    fn aligned(photo: &Photo, landmarks: &Landmarks, model: &Model) -> Result<Self, Error> {
        let alignment = align::alignment(landmarks)?;
        let crop = align::aligned(&photo.image, landmarks)?;
        let on_crop = landmarks.map(|(x, y)| {
            let (x, y) = alignment.apply((x.into(), y.into()));
            (x as f32, y as f32)
        });
        Ok(Self {
            input: model.spec()?.fitted_tensor(&crop),
            canvas: Some(crop),
            aligned: true,
            landmarks: Some(on_crop),
            on_photo: Some(*landmarks),
            photo: Some(photo.clone()),
            source: photo.source.clone(),
        })
    }
}

/// Whether a file is an array rather than a picture.
pub fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// By which a photograph is shrunk to its canvas.
fn canvas_scale(image: &RgbImage) -> f32 {
    let longer = image.width().max(image.height());
    if longer <= CANVAS_SIDE { 1.0 } else { CANVAS_SIDE as f32 / longer as f32 }
}

fn shrink(image: &RgbImage, scale: f32) -> RgbImage {
    if scale >= 1.0 {
        return image.clone();
    }
    let side = |length: u32| ((length as f32 * scale).round() as u32).max(1);
    resize(image, side(image.width()), side(image.height()))
}

/// A point whose pixel centres lie at integers, in a picture scaled about its corner.
fn scaled((x, y): (f32, f32), scale: f32) -> (f32, f32) {
    ((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5)
}
