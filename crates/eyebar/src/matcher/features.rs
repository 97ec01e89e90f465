//! VGG16's activations of a whole photograph, and of the same photograph with a part changed.

use eyebar_imaging::{InputSpec, Layout, RgbImage};
use eyebar_network::{Base, DataType, Edit, Executor, Incremental, NetworkError, TensorType, Value, ValueId};
use eyebar_tensor::Tensor;

use super::Extracted;
use crate::error::Error;
use crate::forward::Forward;
use crate::model::{Model, in_model};

/// The layer, `[1, CHANNELS, 7, 7]` for the usual input.
const LAYER: &str = "block5_pool";
/// Channels of that layer.
pub(super) const CHANNELS: usize = 512;
/// Rows and columns of a usual change, as parts of the picture: a box over the face of a portrait.
const USUAL: (f64, f64) = (0.5, 0.45);

/// The network, planned for whole photographs and for changes of them. It may be shared by threads.
pub(super) struct Features {
    model: String,
    spec: InputSpec,
    forward: Forward,
    /// Nothing where following changes saves nothing.
    partial: Option<Partial>,
}

/// The path of a change, and what comes behind it.
struct Partial {
    /// `[1, C, H, W]`, whatever the network's own layout is.
    spec: InputSpec,
    incremental: Incremental,
    rest: Executor,
}

impl Features {
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let spec = model.spec()?.clone();
        let (width, height) = spec.size.unwrap_or((224, 224));
        let (shape, layer) = (spec.shape(1, width, height), model.layer(LAYER)?);
        Ok(Self {
            model: model.name().to_owned(),
            forward: Forward::new(model, &shape, &[layer])?,
            partial: Partial::new(model, &spec, layer).map_err(|source| in_model(model.name(), source))?,
            spec,
        })
    }

    /// The activations of a photograph, `[CHANNELS, places]`.
    pub(super) fn of(&self, image: &RgbImage) -> Result<Vec<f32>, Error> {
        let values = self.forward.run(&self.spec.fitted_tensor(image))?;
        Ok(values.first().map_or_else(Vec::new, |values| values.data().to_vec()))
    }
}

impl Partial {
    fn new(model: &Model, spec: &InputSpec, layer: ValueId) -> Result<Option<Self>, NetworkError> {
        let spec = InputSpec { layout: Layout::Nchw, ..spec.clone() };
        let (width, height) = spec.size.unwrap_or((224, 224));
        let Some(planes) = planes(model) else { return Ok(None) };
        let kind = TensorType { dtype: DataType::F32, shape: spec.shape(1, width, height).to_vec() };
        let graph = model.graph().specialise(&[(planes, kind)], &[layer])?;
        let part = |length: usize, share: f64| (length as f64 * share) as usize;
        let size = (part(height, USUAL.0), part(width, USUAL.1));
        let Some(incremental) = Incremental::new(&graph, planes, layer, size, 1)? else { return Ok(None) };
        let rest = Executor::new(incremental.rest(model.graph(), layer, 1)?, &[layer])?;
        Ok(Some(Self { spec, incremental, rest }))
    }

    fn changed(&self, base: &Base, edit: &Edit) -> Result<Vec<f32>, NetworkError> {
        let found = self.incremental.run(base, &[edit])?;
        let inputs: Vec<(ValueId, &Value)> = self.incremental.frontier().iter().copied().zip(&found).collect();
        let results = self.rest.run(&inputs)?;
        let features = results.first().and_then(Value::as_f32).map_or_else(Vec::new, |values| values.data().to_vec());
        self.rest.recycle(results);
        self.incremental.recycle(found);
        Ok(features)
    }
}

/// The value that holds the picture as `[N, C, H, W]`: the input, or what it is transposed to first.
fn planes(model: &Model) -> Option<ValueId> {
    match model.spec().ok()?.layout {
        Layout::Nchw => Some(model.input()),
        Layout::Nhwc => {
            let reader = model.graph().nodes().iter().find(|node| node.inputs.contains(&Some(model.input())))?;
            if reader.operator.name() == "Transpose" { reader.outputs.first().copied().flatten() } else { None }
        }
    }
}

/// A photograph that is about to be changed.
pub(crate) struct Whole<'a> {
    /// Nothing where no matcher looks at whole photographs.
    features: Option<&'a Features>,
    /// What changes are followed from: the network's input, and what is kept.
    base: Option<(Tensor, Base)>,
}

impl<'a> Whole<'a> {
    pub(super) fn new(features: Option<&'a Features>, image: &RgbImage) -> Result<Self, Error> {
        let base = |features: &Features| -> Result<Option<(Tensor, Base)>, Error> {
            let Some(partial) = &features.partial else { return Ok(None) };
            let input = partial.spec.fitted_tensor(image);
            let base = partial.incremental.base(&input).map_err(|source| in_model(&features.model, source))?;
            Ok(Some((input, base)))
        };
        Ok(Self { features, base: features.map(base).transpose()?.flatten() })
    }

    /// What is extracted of the photograph with a part changed, or as it is: the same as of any photograph, but for
    /// rounding. Each change is followed alone, so that nothing depends on what else is looked at.
    pub(crate) fn changed(&self, image: &RgbImage) -> Result<Extracted, Error> {
        let Some(features) = self.features else { return Ok(Extracted::default()) };
        let found = match (&features.partial, &self.base) {
            (Some(partial), Some((input, base))) => {
                let edit = edit(input, &partial.spec.fitted_tensor(image));
                partial.changed(base, &edit).map_err(|source| in_model(&features.model, source))?
            }
            _ => features.of(image)?,
        };
        Ok(Extracted { features: found, ..Extracted::default() })
    }
}

/// The smallest rectangle that holds all that differs, `[1, C, H, W]` both; a pixel where nothing does.
fn edit(before: &Tensor, after: &Tensor) -> Edit {
    let &[_, channels, height, width] = after.shape() else { unreachable!("pictures are fed") };
    let (mut top, mut bottom, mut left, mut right) = (height, 0, width, 0);
    let rows = before.data().chunks_exact(width).zip(after.data().chunks_exact(width));
    for (index, (before, after)) in rows.enumerate() {
        let differs = |(a, b): (&f32, &f32)| a != b;
        if let Some(first) = before.iter().zip(after).position(differs) {
            let last = before.iter().zip(after).rposition(differs).unwrap_or(first);
            (top, bottom) = (top.min(index % height), bottom.max(index % height + 1));
            (left, right) = (left.min(first), right.max(last + 1));
        }
    }
    if top >= bottom {
        (top, bottom, left, right) = (0, 1, 0, 1);
    }
    let mut pixels = Vec::with_capacity(channels * (bottom - top) * (right - left));
    for channel in after.data().chunks_exact(height * width) {
        for row in channel.chunks_exact(width).take(bottom).skip(top) {
            pixels.extend_from_slice(&row[left..right]);
        }
    }
    let shape = [channels, bottom - top, right - left];
    let mut pixels = pixels.into_iter();
    Edit { top, left, pixels: Tensor::from_fn(&shape, |_| pixels.next().unwrap_or(0.0)) }
}

#[cfg(test)]
mod tests {
    use eyebar_imaging::{Rgb, RgbImage};
    use eyebar_tensor::Tensor;

    use super::{Features, Whole, edit};
    use crate::model::Model;
    use crate::scene::Photo;

    #[test]
    fn the_edit_holds_all_that_differs() {
        let before: Tensor = Tensor::from_fn(&[1, 2, 5, 6], |at| at as f32);
        let mut after = before.clone();
        after.data_mut()[6 + 2] = -1.0;
        after.data_mut()[30 + 3 * 6 + 4] = -2.0;
        let found = edit(&before, &after);
        assert_eq!((found.top, found.left, found.pixels.shape()), (1, 2, &[2, 3, 3][..]));
        assert_eq!((found.pixels.data()[0], found.pixels.data()[9 + 8]), (-1.0, -2.0));
        assert_eq!(edit(&before, &before).pixels.shape(), [2, 1, 1]);
    }

    /// Largest difference, as a part of the largest value.
    const CLOSE: f32 = 1e-4;

    #[test]
    fn a_change_that_is_followed_is_the_whole_photograph_looked_at_again() {
        let model = Model::open("vgg16", None).unwrap();
        let features = Features::new(&model).unwrap();
        assert!(features.partial.is_some(), "VGG16 is followed");
        let photo = Photo::portrait().unwrap();
        let whole = Whole::new(Some(&features), &photo.image).unwrap();
        let mut bar: RgbImage = (*photo.image).clone();
        (150..320).for_each(|x| (80..130).for_each(|y| bar.put_pixel(x, y, Rgb([0, 0, 0]))));
        let mut all: RgbImage = (*photo.image).clone();
        all.pixels_mut().for_each(|pixel| pixel.0[0] = 255 - pixel.0[0]);
        for (image, found) in [
            (&*photo.image, whole.changed(&photo.image).unwrap()),
            (&bar, whole.changed(&bar).unwrap()),
            (&all, whole.changed(&all).unwrap()),
        ] {
            let wanted = features.of(image).unwrap();
            let largest = wanted.iter().copied().fold(0.0, f32::max);
            let worst = wanted.iter().zip(&found.features).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(found.features.len(), wanted.len());
            assert!(worst <= CLOSE * largest, "{worst} of {largest}");
        }
    }
}
