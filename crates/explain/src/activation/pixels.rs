//! Ascent on the pixels themselves.

use eyebar_imaging::RgbImage;

use super::climb::Subject;
use super::frame::Frame;
use super::random::Random;

pub(crate) struct Pixels {
    planes: Vec<f32>,
    rate: f32,
}

impl Pixels {
    pub(crate) fn new(frame: &Frame<'_>, rate: f32, random: &mut Random) -> Self {
        let planes = (0..frame.len()).map(|_| random.uniform(0.375, 0.625) * 255.0).collect();
        Self { planes, rate: rate * 255.0 }
    }
}

impl Subject for Pixels {
    fn view(&mut self) -> Vec<f32> {
        self.planes.clone()
    }

    fn at_rest(&self) -> Option<Vec<f32>> {
        None
    }

    fn ascend(&mut self, gradient: &[f32]) {
        let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        // No direction, no step: the filter will be found not to rise.
        if norm > 0.0 && norm.is_finite() {
            let step = f64::from(self.rate) / norm;
            self.planes.iter_mut().zip(gradient).for_each(|(p, &g)| *p += (step * f64::from(g)) as f32);
        }
    }

    /// Mean to one half, standard deviation to 0.15.
    fn picture(&self, frame: &Frame<'_>) -> RgbImage {
        let count = self.planes.len() as f64;
        let mean = self.planes.iter().map(|&p| f64::from(p)).sum::<f64>() / count;
        let variance = self.planes.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum::<f64>() / count;
        let scale = 0.15 / variance.sqrt().max(1e-5);
        frame.picture(&self.planes.iter().map(|&p| ((f64::from(p) - mean) * scale + 0.5) as f32).collect::<Vec<_>>())
    }
}
