//! Colours that are uncorrelated in photographs.

use eyebar_imaging::input::Colour;

/// Square root of the covariance of the colours (rows: red, green, blue) of ImageNet's photographs, as published with
/// Lucid (`lucid/optvis/param/color.py`, `color_correlation_svd_sqrt`; Olah et al. 2017).
const SQRT_COVARIANCE: [[f32; 3]; 3] = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]];

/// A linear map of colour channels: row c says how channel c of the network's input is mixed.
#[derive(Debug, Clone)]
pub(crate) struct Mixing(Vec<Vec<f32>>);

impl Mixing {
    /// From uncorrelated channels to the network's; scaled so that the strongest column has the norm 1.
    pub(crate) fn new(colour: Colour) -> Self {
        let norm = |column: usize| SQRT_COVARIANCE.iter().map(|row| row[column].powi(2)).sum::<f32>().sqrt();
        let largest = (0..3).map(norm).fold(0.0, f32::max);
        let rows = SQRT_COVARIANCE.map(|row| row.map(|value| value / largest).to_vec());
        Self(match colour {
            Colour::Rgb => rows.to_vec(),
            Colour::Bgr => rows.into_iter().rev().collect(),
            Colour::Grey => vec![vec![1.0]],
        })
    }

    /// Mixes planes.
    pub(crate) fn apply(&self, planes: &[f32]) -> Vec<f32> {
        self.combine(planes, |to, from| self.0[to][from])
    }

    /// The adjoint of [`Mixing::apply`].
    pub(crate) fn pull_back(&self, planes: &[f32]) -> Vec<f32> {
        self.combine(planes, |to, from| self.0[from][to])
    }

    fn combine(&self, planes: &[f32], weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let cells = planes.len() / self.0.len();
        let mut out = vec![0.0; planes.len()];
        for (to, out) in out.chunks_exact_mut(cells).enumerate() {
            for (from, plane) in planes.chunks_exact(cells).enumerate() {
                let weight = weight(to, from);
                out.iter_mut().zip(plane).for_each(|(out, value)| *out += weight * value);
            }
        }
        out
    }
}
