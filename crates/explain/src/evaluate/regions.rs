//! The share of a map that falls on each region of the picture.

use eyebar_imaging::resize::resize_map;
use eyebar_tensor::Tensor;

use crate::error::ExplainError;

/// A part of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What people call it.
    pub name: String,
    /// `[H, W]` of the picture: to which part, 0 to 1, each pixel belongs to the region.
    pub mask: Tensor,
}

/// How much of a map lies on a region.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Name of the region.
    pub region: String,
    /// Share of the map's positive mass, 0 to 1; `None` where the map has none.
    pub mass: Option<f64>,
    /// Share of the picture's area, 0 to 1.
    pub area: f64,
    /// `mass / area`: above 1 where the region gets more than its part; `None` where either is missing or zero area.
    pub ratio: Option<f64>,
}

/// The five fixed bands of the workshop for a portrait of `height` × `width`, and `elsewhere`, what they leave over: 0 to
/// 25 % of the height for forehead and hair, 25 to 42 % (10 to 90 % of the width) for the eyes, 42 to 58 % (25 to 75 %)
/// for the nose, 58 to 78 % (15 to 85 %) for mouth and chin, 78 to 100 % for neck and clothes.
///
/// A pixel that an edge cuts belongs to the band with the part that lies inside.
pub fn workshop_bands(height: usize, width: usize) -> Vec<Region> {
    let mut regions: Vec<_> = [
        ("forehead and hair", (0.0, 0.25), (0.0, 1.0)),
        ("eyes", (0.25, 0.42), (0.1, 0.9)),
        ("nose", (0.42, 0.58), (0.25, 0.75)),
        ("mouth and chin", (0.58, 0.78), (0.15, 0.85)),
        ("neck and clothes", (0.78, 1.0), (0.0, 1.0)),
    ]
    .into_iter()
    .map(|(name, rows, columns)| Region { name: name.to_owned(), mask: band(height, width, rows, columns) })
    .collect();
    let mask = Tensor::from_fn(&[height, width], |at| {
        let taken: f32 = regions.iter().map(|region| region.mask.data()[at]).sum();
        (1.0 - taken).clamp(0.0, 1.0)
    });
    regions.push(Region { name: "elsewhere".to_owned(), mask });
    regions
}

/// How the positive mass of `map` `[h, w]` spreads over `regions`; the map is brought to the size of their masks by
/// bilinear interpolation. Regions may overlap and need not cover the picture.
///
/// # Errors
/// When the map or a mask is not two-dimensional, or the map is not finite.
pub fn shares(map: &Tensor, regions: &[Region]) -> Result<Vec<Share>, ExplainError> {
    check(map, "a map")?;
    if map.data().iter().any(|value| !value.is_finite()) {
        return Err(ExplainError::NotFinite { what: "the map".to_owned() });
    }
    // As a rule, all masks are of one size.
    let mut last: Option<Positive> = None;
    let mut shares = Vec::with_capacity(regions.len());
    for region in regions {
        check(&region.mask, "the mask of a region")?;
        let positive = match last.take() {
            Some(positive) if positive.map.shape() == region.mask.shape() => positive,
            _ => Positive::new(map, region.mask.shape()),
        };
        shares.push(positive.share(region));
        last = Some(positive);
    }
    Ok(shares)
}

/// The positive part of a map at the size of a mask, and its sum.
struct Positive {
    map: Tensor,
    total: f64,
}

impl Positive {
    fn new(map: &Tensor, shape: &[usize]) -> Self {
        let map = resize_map(map, shape[0], shape[1]).map(|value| value.max(0.0));
        let total = map.data().iter().map(|&value| f64::from(value)).sum();
        Self { map, total }
    }

    fn share(&self, region: &Region) -> Share {
        let (mut inside, mut covered) = (0f64, 0f64);
        for (&value, &weight) in self.map.data().iter().zip(region.mask.data()) {
            inside += f64::from(value) * f64::from(weight);
            covered += f64::from(weight);
        }
        let mass = (self.total > 0.0).then(|| inside / self.total);
        let area = covered / self.map.len() as f64;
        let ratio = mass.filter(|_| area > 0.0).map(|mass| mass / area);
        Share { region: region.name.clone(), mass, area, ratio }
    }
}

fn check(map: &Tensor, what: &str) -> Result<(), ExplainError> {
    if map.shape().len() == 2 && !map.is_empty() {
        return Ok(());
    }
    Err(ExplainError::Input { found: map.shape().to_vec(), expected: format!("{what} of the shape [H, W]") })
}

/// The rectangle between fractions of the height and of the width.
fn band(height: usize, width: usize, rows: (f64, f64), columns: (f64, f64)) -> Tensor {
    let inside = |at: usize, len: usize, (from, to): (f64, f64)| {
        let (from, to) = (from * len as f64, to * len as f64);
        (to.min(at as f64 + 1.0) - from.max(at as f64)).clamp(0.0, 1.0)
    };
    Tensor::from_fn(&[height, width], |at| {
        (inside(at / width, height, rows) * inside(at % width, width, columns)) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_and_remainder_make_the_whole() {
        for (height, width) in [(224, 224), (7, 5), (1, 1)] {
            let regions = workshop_bands(height, width);
            for at in 0..height * width {
                let sum: f32 = regions.iter().map(|region| region.mask.data()[at]).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{height}x{width} at {at}: {sum}");
            }
            let map = Tensor::from_fn(&[3, 4], |at| at as f32 - 5.0);
            let shares = shares(&map, &regions).unwrap();
            let areas = [0.25, 0.17 * 0.8, 0.16 * 0.5, 0.2 * 0.7, 0.22];
            for (share, area) in shares.iter().zip(areas) {
                assert!((share.area - area).abs() < 1e-6, "{}: {}", share.region, share.area);
            }
            let mass: f64 = shares.iter().map(|share| share.mass.unwrap()).sum();
            assert!((mass - 1.0).abs() < 1e-5, "{mass}");
        }
    }

    #[test]
    fn mass_goes_where_the_map_is_positive() {
        let map = Tensor::new(&[2, 2], vec![3.0, 1.0, -8.0, 0.0]).unwrap();
        let left = Tensor::new(&[2, 2], vec![1.0, 0.0, 1.0, 0.0]).unwrap();
        let part = Tensor::new(&[2, 2], vec![0.0, 0.5, 0.0, 0.0]).unwrap();
        let region = |mask| Region { name: "r".to_owned(), mask };
        let shares = shares(&map, &[region(left), region(part), region(Tensor::zeros(&[2, 2]))]).unwrap();
        assert_eq!((shares[0].mass, shares[0].area, shares[0].ratio), (Some(0.75), 0.5, Some(1.5)));
        assert_eq!((shares[1].mass, shares[1].area, shares[1].ratio), (Some(0.125), 0.125, Some(1.0)));
        assert_eq!((shares[2].mass, shares[2].area, shares[2].ratio), (Some(0.0), 0.0, None));
    }

    #[test]
    fn masks_of_several_sizes_each_get_the_map_in_theirs() {
        let map = Tensor::from_fn(&[3, 5], |at| at as f32 - 4.0);
        let region = |height: usize, width: usize| Region {
            name: format!("{height} × {width}"),
            mask: Tensor::from_fn(&[height, width], |at| (at % 3) as f32 / 2.0),
        };
        let regions = [region(4, 6), region(4, 6), region(9, 2), region(4, 6), region(2, 9)];
        let together = shares(&map, &regions).unwrap();
        for (share, region) in together.iter().zip(&regions) {
            assert_eq!(share, &shares(&map, std::slice::from_ref(region)).unwrap()[0]);
        }
        assert_ne!(together[0].mass, together[2].mass);
    }

    #[test]
    fn a_map_without_positive_mass_has_no_shares() {
        let found = shares(&Tensor::full(&[2, 2], -1.0), &workshop_bands(8, 8)).unwrap();
        assert!(found.iter().all(|share| share.mass.is_none() && share.ratio.is_none() && share.area >= 0.0));
        assert!(shares(&Tensor::full(&[2, 2], f32::NAN), &workshop_bands(8, 8)).is_err());
        assert!(shares(&Tensor::zeros(&[0, 4]), &workshop_bands(8, 8)).is_err());
    }
}
