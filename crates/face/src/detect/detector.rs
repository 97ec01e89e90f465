//! Runs the network and puts its answers together.

use std::sync::{Arc, Mutex, PoisonError};

use eyebar_imaging::RgbImage;
use eyebar_network::{DataType, Executor, Graph, TensorType, Value, ValueId};
use eyebar_tensor::Tensor;

use super::decode::{STRIDES, Scale, decode};
use super::nms::{containment, suppress};
use super::{DetectOptions, Face, input};
use crate::error::FaceError;
use crate::model::only_input;

/// For errors.
const ROLE: &str = "face detection";

/// Plans that are kept: upright and lengthwise photographs of one camera, each with its second look. A plan for 1280
/// pixels holds on to some hundred megabytes of activations.
const CACHED_SIZES: usize = 4;

/// Longer side of the second look: faces that fill the picture come out at the size the network likes best.
const COARSE_SIDE: u32 = 320;

/// Photographs up to this longer side are enlarged to twice their size where they seem to show no face.
const ENLARGED_UP_TO: u32 = 640;

/// Faces narrower than this many pixels (of the first look) are the first look's business alone.
const COARSE_LEAST_WIDTH: f32 = 200.0;

/// YuNet, for photographs of any size. It may be shared by threads.
pub struct Detector {
    graph: Graph,
    input: ValueId,
    /// For each stride: class, object, boxes, landmarks.
    outputs: Vec<ValueId>,
    /// Most recently used last.
    plans: Mutex<Vec<Plan>>,
}

/// The network planned for one height and width.
struct Plan {
    size: (usize, usize),
    executor: Arc<Executor>,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").finish_non_exhaustive()
    }
}

impl Detector {
    /// Takes YuNet's graph: one image input `[1, 3, H, W]` (blue, green, red, 0..255) and the outputs `cls_S`, `obj_S`,
    /// `bbox_S` and `kps_S` for the strides S of 8, 16 and 32. The input's declared height and width are ignored, the
    /// network works with any multiple of 32.
    ///
    /// # Errors
    /// When an output is missing or there is not exactly one input.
    pub fn new(mut graph: Graph) -> Result<Self, FaceError> {
        let input = only_input(&graph, ROLE)?;
        let mut outputs = Vec::new();
        for stride in STRIDES {
            for name in ["cls", "obj", "bbox", "kps"] {
                let found = graph.find(&format!("{name}_{stride}"));
                outputs.push(found.map_err(|error| FaceError::Model {
                    role: ROLE,
                    reason: format!("{error}; hint: use the bundled yunet.onnx"),
                })?);
            }
        }
        graph.free_dimensions(input);
        Ok(Self { graph, input, outputs, plans: Mutex::default() })
    }

    /// The faces of a photograph, best first, with the default settings.
    ///
    /// # Errors
    /// As [`Detector::detect_with`].
    pub fn detect(&self, image: &RgbImage) -> Result<Vec<Face>, FaceError> {
        self.detect_with(image, &DetectOptions::default())
    }

    /// The faces of a photograph, best first; none is no error.
    ///
    /// # Errors
    /// When the photograph has no pixels, an option is out of range, or the network fails.
    pub fn detect_with(&self, image: &RgbImage, options: &DetectOptions) -> Result<Vec<Face>, FaceError> {
        options.check()?;
        if image.is_empty() {
            return Err(FaceError::EmptyImage);
        }
        let longer = image.width().max(image.height());
        let first = longer.min(options.max_side);
        let mut faces = self.at_scale(image, first, options)?;
        if options.more_scales && first > 2 * COARSE_SIDE {
            let scale = first as f32 / longer as f32;
            for large in self.at_scale(image, COARSE_SIDE, options)? {
                let new = faces.iter().all(|known| containment(known, &large) <= 0.5);
                if new && large.bbox[2] * scale >= COARSE_LEAST_WIDTH {
                    faces.push(large);
                }
            }
            faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        if options.more_scales && faces.is_empty() && longer <= ENLARGED_UP_TO {
            faces = self.at_scale(image, 2 * longer, options)?;
        }
        Ok(faces)
    }

    /// The faces that are found when the longer side is made `side` pixels, in pixels of `image`.
    fn at_scale(&self, image: &RgbImage, side: u32, options: &DetectOptions) -> Result<Vec<Face>, FaceError> {
        if image.width().max(image.height()) == side {
            return self.look(image, options);
        }
        let (small, (across, down)) = input::scaled(image, side);
        let mut faces = self.look(&small, options)?;
        for face in &mut faces {
            // Pixel centres lie at integers, so the pictures meet half a pixel before them.
            let back = |(x, y): (f32, f32)| ((x + 0.5) / across - 0.5, (y + 0.5) / down - 0.5);
            let [x, y, width, height] = face.bbox;
            let (x, y) = back((x, y));
            face.bbox = [x, y, width / across, height / down];
            face.landmarks = face.landmarks.map(back);
        }
        Ok(faces)
    }

    fn look(&self, image: &RgbImage, options: &DetectOptions) -> Result<Vec<Face>, FaceError> {
        let input = input::tensor(image);
        let (height, width) = (input.shape()[2], input.shape()[3]);
        let plan = self.plan(height, width)?;
        let values = plan.run(&[(self.input, &Value::from(input))])?;
        let mut faces = Vec::new();
        for (outputs, stride) in values.chunks_exact(4).zip(STRIDES) {
            let columns = width / stride;
            let cells = columns * (height / stride);
            let data = |index: usize, each: usize| {
                let values = outputs[index].as_f32().map(Tensor::data).filter(|data| data.len() == cells * each);
                values.ok_or_else(|| FaceError::Model {
                    role: ROLE,
                    reason: format!("an output for stride {stride} is not of {cells} cells; hint: use yunet.onnx"),
                })
            };
            let (class, object, boxes, points) = (data(0, 1)?, data(1, 1)?, data(2, 4)?, data(3, 10)?);
            let scale = Scale { stride, columns, class, object, boxes, points };
            decode(scale, options.score_threshold, &mut faces);
        }
        plan.recycle(values);
        Ok(suppress(faces, options.nms_threshold, options.top_k))
    }

    /// The network planned for one size; plans are kept for the sizes last used.
    fn plan(&self, height: usize, width: usize) -> Result<Arc<Executor>, FaceError> {
        let size = (height, width);
        let lock = || self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut plans = lock();
            if let Some(index) = plans.iter().position(|plan| plan.size == size) {
                let plan = plans.remove(index);
                let executor = Arc::clone(&plan.executor);
                plans.push(plan);
                return Ok(executor);
            }
        }
        let kind = TensorType { dtype: DataType::F32, shape: vec![1, 3, height, width] };
        let graph = self.graph.specialise(&[(self.input, kind)], &self.outputs)?;
        let executor = Arc::new(Executor::new(graph, &self.outputs)?);
        let mut plans = lock();
        if plans.len() >= CACHED_SIZES {
            plans.remove(0);
        }
        plans.push(Plan { size, executor: Arc::clone(&executor) });
        Ok(executor)
    }
}
