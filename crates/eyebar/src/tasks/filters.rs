//! What filters detect: activation maximisation.

use eyebar_explain::Progress;
use eyebar_explain::activation::{Filter, Maximisation, Prior, maximise, measure};
use eyebar_imaging::RgbImage;
use eyebar_report::{Cell, Figure, Row, Table};
use serde::Serialize;

use crate::error::Error;
use crate::model::{Model, in_explanation};

/// The filters of one layer.
#[derive(Debug, Clone, Serialize)]
pub struct LayerFilters {
    /// The layer.
    pub layer: String,
    /// `pixels` or `fourier`.
    pub prior: &'static str,
    /// Steps of the ascent.
    pub steps: usize,
    /// Length η of a step.
    pub rate: f32,
    /// What the rate counts in.
    pub rate_unit: &'static str,
    /// What keeps the pixels within 0 to 1 during the ascent.
    pub pixel_range: &'static str,
    /// Width and height of the pictures.
    pub size: (usize, usize),
    /// Each filter.
    pub filters: Vec<FilterResult>,
    /// Mean Shannon entropy of the pictures' grey histograms (50 bins), in bits; nothing where no filter lives.
    pub entropy: Option<f64>,
    /// Mean |r| between the pictures of different filters; nothing for fewer than two.
    pub correlation: Option<f64>,
    /// Mean spatial variance.
    pub variance: Option<f64>,
}

/// One filter.
#[derive(Debug, Clone, Serialize)]
pub struct FilterResult {
    /// Index in the layer.
    pub channel: usize,
    /// Mean activation of the noise it started from.
    pub start: f32,
    /// Mean activation of the picture.
    pub end: f32,
    /// Whether the activation did not rise.
    pub dead: bool,
    /// The picture; none for a dead filter.
    #[serde(skip)]
    pub image: Option<RgbImage>,
}

/// Width and height of pictures where nobody says: the model's own where it takes no others, 128 × 128 otherwise.
pub fn size(model: &Model) -> (usize, usize) {
    model.only_size().unwrap_or((128, 128))
}

/// Name of the layer that is drawn where nobody names one, for pictures of `size` ([`size`] where it is none).
///
/// # Errors
/// When there is none, or nobody said how the model is fed.
pub fn default_layer(model: &Model, size: Option<(usize, usize)>) -> Result<String, Error> {
    let (width, height) = size.unwrap_or_else(|| self::size(model));
    let id = model.default_layer(&model.spec()?.shape(1, width, height))?;
    Ok(model.graph().value(id).name.clone())
}

/// Draws what `channels` of `layer` respond to, pictures of [`size`] where the options name none.
///
/// # Errors
/// When the layer or a channel does not exist, or nobody said how the model is fed.
pub fn filters(
    model: &Model,
    layer: &str,
    channels: &[usize],
    options: &Maximisation,
    progress: Progress<'_>,
) -> Result<LayerFilters, Error> {
    let id = model.layer(layer)?;
    let size = options.size.unwrap_or_else(|| size(model));
    let options = &Maximisation { size: Some(size), ..*options };
    let found = maximise(model.graph(), model.input(), model.spec()?, id, channels, options, progress)
        .map_err(in_explanation(model))?;
    let pictures: Vec<_> = found.iter().filter_map(|filter| filter.image.as_ref()).collect();
    let measures = measure(&pictures);
    let (prior, steps, rate, rate_unit, pixel_range) = match options.prior {
        Prior::Pixels { steps, rate } => {
            let unit = "Euclidean length of a step, for pixels of 0 to 1";
            ("pixels", steps, rate, unit, "nothing: pixels are not clipped during the climb")
        }
        Prior::Fourier { steps, rate } => {
            ("fourier", steps, rate, "Adam's step size, for the amplitudes of waves", "a sigmoid")
        }
    };
    Ok(LayerFilters {
        layer: model.layer_name(id),
        prior,
        steps,
        rate,
        rate_unit,
        pixel_range,
        size,
        entropy: measures.map(|m| m.entropy),
        correlation: measures.and_then(|m| m.correlation),
        variance: measures.map(|m| m.variance),
        filters: found.into_iter().map(FilterResult::from).collect(),
    })
}

impl From<Filter> for FilterResult {
    fn from(filter: Filter) -> Self {
        Self { channel: filter.channel, start: filter.start, end: filter.end, dead: filter.dead, image: filter.image }
    }
}

impl LayerFilters {
    /// A row of a figure: the layer, then its filters.
    pub(crate) fn row(&self, label: String, columns: std::ops::Range<usize>) -> Row {
        let cells = self.filters[columns].iter().map(|filter| match &filter.image {
            Some(image) => Cell::picture(image.clone())
                .caption(format!("{}\n{:.1} to {:.1}", filter.channel, filter.start, filter.end)),
            None => Cell::missing("dead filter").caption(filter.channel.to_string()),
        });
        Row::new(label, cells)
    }

    fn measures(&self) -> [String; 3] {
        let show =
            |value: Option<f64>, digits: usize| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"));
        [show(self.entropy, 2), show(self.correlation, 3), show(self.variance, 4)]
    }
}

/// A grid for a slide: eight filters a row.
pub fn figure(model: &str, layers: &[LayerFilters]) -> RgbImage {
    const COLUMNS: usize = 8;
    let mut figure = Figure::new("What the filters detect").subtitle(format!(
        "{model}: pictures that maximise a filter's mean activation, from noise. Under each: the filter, and its mean \
         activation before and after"
    ));
    for layer in layers {
        for start in (0..layer.filters.len()).step_by(COLUMNS) {
            let label = if start == 0 { layer.layer.clone() } else { String::new() };
            figure = figure.row(layer.row(label, start..layer.filters.len().min(start + COLUMNS)));
        }
    }
    figure.footnote(footnote(layers)).render()
}

fn footnote(layers: &[LayerFilters]) -> String {
    let method = "Gradient ascent on the input (Erhan et al. 2009)";
    let Some(LayerFilters { prior, steps, rate, size: (width, height), .. }) = layers.first() else {
        return format!("{method}.");
    };
    let how = match *prior {
        "pixels" => format!(
            "{steps} steps of length {rate} in units of the 0–1 pixel range, without clipping during the climb; drawn \
             with mean 0.5 and deviation 0.15"
        ),
        _ => format!("Fourier prior, {steps} steps of Adam with rate {rate}"),
    };
    format!("{method}: {width} × {height} pixels, {how}.")
}

/// The measures of each layer.
pub fn table(layers: &[LayerFilters]) -> Table {
    let table = Table::new("Filters").text("Layer").number("Filters", "").number("Dead", "");
    let table = table.number("Entropy", "bits").number("Mean |r|", "").number("Spatial variance", "");
    layers.iter().fold(table, |table, layer| {
        let dead = layer.filters.iter().filter(|filter| filter.dead).count();
        let [entropy, correlation, variance] = layer.measures();
        table.row([
            layer.layer.clone(),
            layer.filters.len().to_string(),
            dead.to_string(),
            entropy,
            correlation,
            variance,
        ])
    })
}
