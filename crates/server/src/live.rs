//! A mask that is dragged over a face while the likeness to a reference is shown: what does not change from one place to
//! the next is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eyebar::{Model, Photo, Recogniser};
use eyebar_explain::{Cam, GradCam, SimilarityToInput};
use eyebar_face::{Face, Landmarks, Mask, MaskOptions, Placement, Template, aligned};
use eyebar_imaging::resize::crop;
use eyebar_imaging::{Rect, RgbImage};

use crate::auth::random_hex;
use crate::problem::Problem;
use crate::state::held;

/// Photographs that are kept at most; the one that was used longest ago goes first.
const MOST: usize = 64;
/// For which a photograph is kept after it was used.
const KEPT: Duration = Duration::from_secs(600);
/// How far around the face a photograph is kept, in distances between the eyes: `head` reaches 2.3.
const REACH: f32 = 4.0;

/// All sessions, and the explanation that they share.
pub(crate) struct Live {
    cam: GradCam,
    model: Arc<Model>,
    sessions: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    session: Arc<Session>,
    used: Instant,
}

/// One face of one photograph.
pub(crate) struct Session {
    /// The face with what is around it.
    around: RgbImage,
    /// The face's landmarks there.
    landmarks: Landmarks,
    pub(crate) reference: Template,
    /// Whom the gallery takes the face for, without a mask.
    pub(crate) subject: Option<String>,
}

/// What is left behind a mask.
pub(crate) struct Behind {
    pub(crate) face: RgbImage,
    pub(crate) template: Template,
    pub(crate) similarity: f32,
    pub(crate) covered: f64,
    pub(crate) cam: Option<Cam>,
}

impl Live {
    pub(crate) fn new(model: &Arc<Model>) -> Result<Self, Problem> {
        let spec = model.spec()?;
        let (width, height) = spec.size.unwrap_or((112, 112));
        let shape = spec.shape(1, width, height);
        let (output, layer) = (model.output()?, model.default_layer(&shape)?);
        let cam = GradCam::new(model.graph(), model.input(), &shape, output, layer, &SimilarityToInput);
        let cam = cam.map_err(eyebar::Error::from)?;
        Ok(Self { cam, model: Arc::clone(model), sessions: Mutex::default() })
    }

    /// Keeps a face; answers the session's name.
    pub(crate) fn open(
        &self,
        photo: &Photo,
        face: &Face,
        reference: Template,
        subject: Option<String>,
    ) -> Result<String, Problem> {
        let (around, landmarks) = around(&photo.image, &face.landmarks);
        let session = Arc::new(Session { around, landmarks, reference, subject });
        let name = random_hex::<16>()?;
        self.forget_old();
        let mut sessions = held(&self.sessions);
        while sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, kept)| kept.used).map(|(name, _)| name.clone());
            oldest.and_then(|name| sessions.remove(&name));
        }
        sessions.insert(name.clone(), Kept { session, used: Instant::now() });
        Ok(name)
    }

    /// A session that is still kept.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Session>> {
        let mut sessions = held(&self.sessions);
        let kept = sessions.get_mut(name).filter(|kept| kept.used.elapsed() < KEPT)?;
        kept.used = Instant::now();
        Some(Arc::clone(&kept.session))
    }

    /// Forgets a session; says whether there was one.
    pub(crate) fn close(&self, name: &str) -> bool {
        held(&self.sessions).remove(name).is_some()
    }

    /// Forgets what was not used for long.
    pub(crate) fn forget_old(&self) {
        held(&self.sessions).retain(|_, kept| kept.used.elapsed() < KEPT);
    }

    pub(crate) fn len(&self) -> usize {
        held(&self.sessions).len()
    }

    /// The face behind `mask`, or without one, and with `map` where its likeness to the reference comes from.
    pub(crate) fn look(
        &self,
        session: &Session,
        mask: Option<Mask>,
        map: bool,
        recogniser: &Recogniser,
    ) -> Result<Behind, Problem> {
        let (masked, covered) = match mask {
            Some(mask) => {
                let places = [session.landmarks];
                let masked = mask.apply(&session.around, Placement::Landmarks(&places), &MaskOptions::default())?;
                let covered = masked.covered_share();
                (masked.image, covered)
            }
            None => (session.around.clone(), 0.0),
        };
        let face = aligned(&masked, &session.landmarks)?;
        let template = recogniser.embedder().embed(&face)?;
        let similarity = template.similarity(&session.reference)?;
        let cam = match map && similarity < eyebar::tasks::cam::SAME {
            true => Some(self.map(&face, session)?),
            false => None,
        };
        Ok(Behind { face, template, similarity, covered, cam })
    }

    fn map(&self, face: &RgbImage, session: &Session) -> Result<Cam, Problem> {
        let input = self.model.spec()?.fitted_tensor(face);
        Ok(self.cam.run_beside(&input, session.reference.values()).map_err(eyebar::Error::from)?)
    }
}

/// The part of a photograph that masks and alignment see, and the landmarks there.
fn around(image: &RgbImage, landmarks: &Landmarks) -> (RgbImage, Landmarks) {
    let distance = landmarks.eye_distance() * REACH;
    let points = landmarks.points();
    let ends = |pick: fn(&(f32, f32)) -> f32, length: u32| {
        let low = points.iter().map(pick).fold(f32::INFINITY, f32::min) - distance;
        let high = points.iter().map(pick).fold(f32::NEG_INFINITY, f32::max) + distance;
        let low = low.clamp(0.0, (length - 1) as f32) as u32;
        (low, (high.ceil().max(0.0) as u32).clamp(low + 1, length))
    };
    let ((left, right), (top, bottom)) = (ends(|point| point.0, image.width()), ends(|point| point.1, image.height()));
    let part = crop(image, Rect::new(left as i32, top as i32, right - left, bottom - top));
    (part, landmarks.map(|(x, y)| (x - left as f32, y - top as f32)))
}
