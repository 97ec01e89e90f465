//! Numbers that compare the pictures of layers.

use eyebar_imaging::RgbImage;

const BINS: usize = 50;

/// Means over the pictures of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// [`entropy`], bits.
    pub entropy: f64,
    /// Mean |[`correlation`]| over all pairs; `None` where there is no pair that has one.
    pub correlation: Option<f64>,
    /// [`spatial_variance`].
    pub variance: f64,
}

/// Measures of the pictures of one layer; `None` without pictures.
pub fn measure(pictures: &[&RgbImage]) -> Option<Measures> {
    if pictures.is_empty() {
        return None;
    }
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let pairs = (0..pictures.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let correlations = pairs.filter_map(|(a, b)| correlation(pictures[a], pictures[b])).map(f64::abs).collect();
    Some(Measures {
        entropy: mean(pictures.iter().map(|picture| entropy(picture)).collect())?,
        correlation: mean(correlations),
        variance: mean(pictures.iter().map(|picture| spatial_variance(picture)).collect())?,
    })
}

/// Shannon entropy of the histogram of grey values (ITU-R BT.601), 50 bins from black to white: 0 to log₂ 50 = 5.6 bits.
pub fn entropy(picture: &RgbImage) -> f64 {
    let grey = grey(picture);
    let mut counts = [0u64; BINS];
    for value in &grey {
        counts[((value * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 / grey.len() as f64);
    -shares.map(|share| share * share.log2()).sum::<f64>() + 0.0
}

/// Variance of the grey values over the picture, black 0 and white 1.
pub fn spatial_variance(picture: &RgbImage) -> f64 {
    let grey = grey(picture);
    covariance(&grey, &grey)
}

/// Pearson's r between the grey values of two pictures; `None` where the sizes differ or a picture is flat.
pub fn correlation(a: &RgbImage, b: &RgbImage) -> Option<f64> {
    if a.dimensions() != b.dimensions() {
        return None;
    }
    let (a, b) = (grey(a), grey(b));
    let spread = (covariance(&a, &a) * covariance(&b, &b)).sqrt();
    (spread > 0.0).then(|| covariance(&a, &b) / spread)
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len().max(1) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / count
}

/// Luma, 0 to 1.
fn grey(picture: &RgbImage) -> Vec<f64> {
    picture
        .pixels()
        .map(|pixel| {
            let [r, g, b] = pixel.0.map(f64::from);
            (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use eyebar_imaging::Rgb;

    use super::*;

    fn picture(value: impl Fn(u32, u32) -> u8) -> RgbImage {
        RgbImage::from_fn(50, 20, |x, y| Rgb([value(x, y); 3]))
    }

    #[test]
    fn known_pictures() {
        let flat = picture(|_, _| 77);
        let halves = picture(|x, _| if x < 25 { 0 } else { 255 });
        let ramp = picture(|x, _| (x * 5 + 3) as u8);
        let negative = picture(|x, _| 255 - (x * 5 + 3) as u8);
        let rows = picture(|_, y| if y < 10 { 0 } else { 255 });
        assert_eq!((entropy(&flat), entropy(&halves)), (0.0, 1.0));
        assert!((entropy(&ramp) - 50f64.log2()).abs() < 0.1, "{}", entropy(&ramp));
        assert!(spatial_variance(&flat) < 1e-20 && (spatial_variance(&halves) - 0.25).abs() < 1e-12);
        assert!((correlation(&ramp, &negative).unwrap() + 1.0).abs() < 1e-9);
        assert!(correlation(&halves, &rows).unwrap().abs() < 1e-9);
        let measures = measure(&[&ramp, &negative, &rows]).unwrap();
        assert!((measures.correlation.unwrap() - 1.0 / 3.0).abs() < 1e-9);
        assert!(measure(&[]).is_none() && measure(&[&ramp]).unwrap().correlation.is_none());
    }
}
