//! VGG16's activations of a whole photograph, and of the same photograph with a part changed.

use std::ops::Range;

use eyebar_imaging::{InputSpec, Layout, RgbImage};
use eyebar_network::{Edit, Executor, Incremental, NetworkError, Value, ValueId};
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
/// Changes that are followed together: the weights of a layer are read once for all of them.
const TOGETHER: usize = 5;
/// By which a change may grow so that it can be followed together with others.
const GROWTH: f64 = 1.3;
/// Share of the picture from which on nothing is saved by following a change.
const LARGE: f64 = 0.6;

/// The network, planned for whole photographs and for changes of them. It may be shared by threads.
pub(super) struct Features {
    model: String,
    spec: InputSpec,
    forward: Forward,
    /// Nothing where following changes saves nothing.
    partial: Option<Partial>,
}

/// The path of a change, and what comes behind it: for one, and for [`TOGETHER`].
struct Partial {
    incremental: Incremental,
    one: Executor,
    several: Executor,
}

impl Features {
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let spec = model.spec()?.clone();
        let (width, height) = spec.size.unwrap_or((224, 224));
        let (shape, layer) = (spec.shape(1, width, height), model.layer(LAYER)?);
        let partial = || -> Result<Option<Partial>, NetworkError> {
            if spec.layout != Layout::Nchw {
                return Ok(None);
            }
            let graph = model.specialised(&shape, &[layer])?;
            let part = |length: usize, share: f64| (length as f64 * share) as usize;
            let size = (part(height, USUAL.0), part(width, USUAL.1));
            let incremental = Incremental::new(&graph, model.input(), layer, size, TOGETHER)?;
            let Some(incremental) = incremental else { return Ok(None) };
            let rest = |images: usize| Executor::new(incremental.rest(model.graph(), layer, images)?, &[layer]);
            let (one, several) = (rest(1)?, rest(TOGETHER)?);
            Ok(Some(Partial { incremental, one, several }))
        };
        Ok(Self {
            model: model.name().to_owned(),
            forward: Forward::new(model, &shape, &[layer])?,
            partial: partial().map_err(|source| in_model(model.name(), source))?,
            spec,
        })
    }

    /// The activations of a photograph, `[CHANNELS, places]`.
    pub(super) fn of(&self, image: &RgbImage) -> Result<Vec<f32>, Error> {
        self.run(&self.spec.fitted_tensor(image))
    }

    fn run(&self, input: &Tensor) -> Result<Vec<f32>, Error> {
        let values = self.forward.run(input)?;
        Ok(values.first().map_or_else(Vec::new, |values| values.data().to_vec()))
    }

    /// The activations of `before`, one picture, with each of some changes: `inputs` are the changed pictures.
    fn changed(&self, before: &Tensor, inputs: &[Tensor]) -> Result<Vec<Vec<f32>>, Error> {
        let Some(partial) = &self.partial else { return inputs.iter().map(|input| self.run(input)).collect() };
        let mut found: Vec<Vec<f32>> = vec![Vec::new(); inputs.len()];
        let mut edits: Vec<(usize, Edited)> = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let edit = Edited::between(before, input);
            match edit.share(input) < LARGE {
                true => edits.push((index, edit)),
                false => found[index] = self.run(input)?,
            }
        }
        // Alike ones side by side.
        edits.sort_by_key(|(index, edit)| (edit.rows.len(), edit.columns.len(), *index));
        let follow = |found: &mut Vec<Vec<f32>>| -> Result<(), NetworkError> {
            let base = partial.incremental.base(before)?;
            let mut frontiers = Vec::with_capacity(edits.len());
            for alike in alike(&edits) {
                let size = (longest(alike, |edit| edit.rows.len()), longest(alike, |edit| edit.columns.len()));
                let cut: Vec<Edit> = alike.iter().map(|(index, edit)| edit.cut(&inputs[*index], size)).collect();
                let values = partial.incremental.run(&base, &cut.iter().collect::<Vec<_>>())?;
                for place in 0..alike.len() {
                    frontiers.push(values.iter().map(|value| part(value, place, alike.len())).collect::<Vec<_>>());
                }
                partial.incremental.recycle(values);
            }
            let mut features = Vec::with_capacity(edits.len());
            for some in frontiers.chunks(TOGETHER) {
                match some.len() == TOGETHER {
                    true => features.extend(partial.rest(&partial.several, some)?),
                    false => {
                        for one in some {
                            features.extend(partial.rest(&partial.one, std::slice::from_ref(one))?);
                        }
                    }
                }
            }
            edits.iter().zip(features).for_each(|((index, _), features)| found[*index] = features);
            Ok(())
        };
        follow(&mut found).map_err(|source| in_model(&self.model, source))?;
        Ok(found)
    }
}

/// Runs of edits that may be followed together.
fn alike(edits: &[(usize, Edited)]) -> Vec<&[(usize, Edited)]> {
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=edits.len() {
        let with_next = edits.get(start..=end).is_some_and(|run| {
            let size = longest(run, |edit| edit.rows.len()) * longest(run, |edit| edit.columns.len());
            run.len() <= TOGETHER && run.iter().all(|(_, edit)| size as f64 <= GROWTH * edit.area() as f64)
        });
        if !with_next {
            runs.push(&edits[start..end]);
            start = end;
        }
    }
    runs
}

fn longest(edits: &[(usize, Edited)], length: impl Fn(&Edited) -> usize) -> usize {
    edits.iter().map(|(_, edit)| length(edit)).max().unwrap_or(1)
}

/// One of several images' values.
fn part(value: &Value, place: usize, count: usize) -> Vec<f32> {
    let data = value.as_f32().map_or(&[][..], Tensor::data);
    let size = data.len() / count.max(1);
    data[place * size..][..size].to_vec()
}

impl Partial {
    /// From the frontier's values of as many images as `executor` is planned for.
    fn rest(&self, executor: &Executor, images: &[Vec<Vec<f32>>]) -> Result<Vec<Vec<f32>>, NetworkError> {
        let graph = executor.graph();
        let mut inputs: Vec<(ValueId, Value)> = Vec::new();
        for (place, &id) in self.incremental.frontier().iter().enumerate() {
            let mut data = images.iter().flat_map(|image| image[place].iter().copied());
            inputs.push((id, Value::F32(Tensor::from_fn(graph.shape(id), |_| data.next().unwrap_or(0.0)))));
        }
        let results = executor.run(&inputs.iter().map(|(id, value)| (*id, value)).collect::<Vec<_>>())?;
        let features = results
            .first()
            .map_or_else(Vec::new, |value| (0..images.len()).map(|place| part(value, place, images.len())).collect());
        executor.recycle(results);
        Ok(features)
    }
}

/// A photograph that is about to be changed.
pub(crate) struct Whole<'a> {
    /// Nothing where no matcher looks at whole photographs.
    seen: Option<(&'a Features, Tensor)>,
}

impl<'a> Whole<'a> {
    pub(super) fn new(features: Option<&'a Features>, image: &RgbImage) -> Self {
        Self { seen: features.map(|features| (features, features.spec.fitted_tensor(image))) }
    }

    /// What is extracted of the photograph as it is changed in several ways: the same as of any photographs, but for
    /// rounding, and sooner.
    pub(crate) fn changed<'i>(&self, images: impl Iterator<Item = &'i RgbImage>) -> Result<Vec<Extracted>, Error> {
        let Some((features, input)) = &self.seen else { return Ok(images.map(|_| Extracted::default()).collect()) };
        let inputs: Vec<Tensor> = images.map(|image| features.spec.fitted_tensor(image)).collect();
        let found = features.changed(input, &inputs)?;
        Ok(found.into_iter().map(|features| Extracted { features, ..Extracted::default() }).collect())
    }
}

/// Where two pictures differ.
#[derive(Debug, Clone, PartialEq)]
struct Edited {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Edited {
    /// The smallest rectangle that holds all that differs, `[1, C, H, W]` both; a pixel where nothing does.
    fn between(before: &Tensor, after: &Tensor) -> Self {
        let &[_, _, height, width] = after.shape() else { unreachable!("pictures are fed") };
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
        if top < bottom { Self { rows: top..bottom, columns: left..right } } else { Self { rows: 0..1, columns: 0..1 } }
    }

    fn area(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Of the picture.
    fn share(&self, picture: &Tensor) -> f64 {
        let &[_, _, height, width] = picture.shape() else { unreachable!("pictures are fed") };
        self.area() as f64 / (height * width) as f64
    }

    /// The changed picture there, as large as `size` says (rows and columns), which it is not larger than.
    fn cut(&self, picture: &Tensor, size: (usize, usize)) -> Edit {
        let &[_, channels, height, width] = picture.shape() else { unreachable!("pictures are fed") };
        let (top, left) = (self.rows.start.min(height - size.0), self.columns.start.min(width - size.1));
        let data = picture.data();
        let pixels = Tensor::from_fn(&[channels, size.0, size.1], |at| {
            let (channel, row, column) = (at / (size.0 * size.1), at / size.1 % size.0, at % size.1);
            data[(channel * height + top + row) * width + left + column]
        });
        Edit { top, left, pixels }
    }
}

#[cfg(test)]
mod tests {
    use eyebar_imaging::{Rgb, RgbImage};
    use eyebar_tensor::Tensor;

    use super::{Edited, Features, Whole, alike};
    use crate::model::Model;
    use crate::scene::Photo;

    #[test]
    fn an_edit_holds_all_that_differs() {
        let before: Tensor = Tensor::from_fn(&[1, 2, 5, 6], |at| at as f32);
        let mut after = before.clone();
        after.data_mut()[6 + 2] = -1.0;
        after.data_mut()[30 + 3 * 6 + 4] = -2.0;
        let found = Edited::between(&before, &after);
        assert_eq!(found, Edited { rows: 1..4, columns: 2..5 });
        let cut = found.cut(&after, (3, 3));
        assert_eq!((cut.top, cut.left, cut.pixels.data()[0], cut.pixels.data()[9 + 8]), (1, 2, -1.0, -2.0));
        // A larger one stays inside.
        let cut = found.cut(&after, (5, 4));
        assert_eq!((cut.top, cut.left, cut.pixels.shape()), (0, 2, &[2, 5, 4][..]));
        assert_eq!(Edited::between(&before, &before), Edited { rows: 0..1, columns: 0..1 });
    }

    #[test]
    fn alike_edits_are_followed_together() {
        let edits = |sizes: &[(usize, usize)]| -> Vec<(usize, Edited)> {
            sizes.iter().enumerate().map(|(i, &(r, c))| (i, Edited { rows: 0..r, columns: 0..c })).collect()
        };
        let runs = |sizes: &[(usize, usize)]| alike(&edits(sizes)).iter().map(|run| run.len()).collect::<Vec<_>>();
        assert_eq!(runs(&[(1, 1), (20, 80), (20, 80), (40, 80), (80, 80), (81, 80)]), [1, 2, 1, 2]);
        assert_eq!(runs(&[(9, 9); 12]), [5, 5, 2]);
        assert_eq!(runs(&[]), [0; 0]);
    }

    /// Largest difference, as a part of the largest value.
    const CLOSE: f32 = 1e-4;

    #[test]
    fn a_change_that_is_followed_is_the_whole_photograph_looked_at_again() {
        let model = Model::open("vgg16", None).unwrap();
        let features = Features::new(&model).unwrap();
        assert!(features.partial.is_some(), "VGG16 is followed");
        let photo = Photo::portrait().unwrap();
        let whole = Whole::new(Some(&features), &photo.image);
        let bar = |shade: u8| {
            let mut bar: RgbImage = (*photo.image).clone();
            (150..320).for_each(|x| (80..130).for_each(|y| bar.put_pixel(x, y, Rgb([shade; 3]))));
            bar
        };
        let mut all: RgbImage = (*photo.image).clone();
        all.pixels_mut().for_each(|pixel| pixel.0[0] = 255 - pixel.0[0]);
        let images = [(*photo.image).clone(), bar(0), all, bar(90), bar(180), bar(255)];
        for (image, found) in images.iter().zip(whole.changed(images.iter()).unwrap()) {
            let wanted = features.of(image).unwrap();
            let largest = wanted.iter().copied().fold(0.0, f32::max);
            let worst = wanted.iter().zip(&found.features).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(found.features.len(), wanted.len());
            assert!(worst <= CLOSE * largest, "{worst} of {largest}");
        }
    }
}
