//! A picture as a sum of waves (Olah, Mordvintsev, Schubert 2017, *Feature Visualization*, section "Preconditioning and
//! Parameterization").

use eyebar_imaging::RgbImage;
use rustfft::FftDirection;
use rustfft::num_complex::Complex32;

use super::adam::Adam;
use super::climb::Subject;
use super::colour::Mixing;
use super::fft::Fft2;
use super::frame::Frame;
use super::random::Random;
use super::view::View;

/// Standard deviation of the amplitudes at the start.
const START: f32 = 0.01;
/// Contrast: one quarter, as Lucid has it, keeps the sigmoid from saturating at the start.
const CONTRAST: f32 = 0.25;

/// pixel = 255 · sigmoid(mixing · Re F⁻¹(amplitude / frequency)), on a canvas that is a little larger than the picture,
/// so that random views meet no border.
pub(crate) struct Fourier {
    size: (usize, usize),
    canvas: (usize, usize),
    /// One grid for each uncorrelated colour.
    amplitudes: Vec<Complex32>,
    /// 1 / frequency, for a grid.
    weights: Vec<f32>,
    forward: Fft2,
    inverse: Fft2,
    mixing: Mixing,
    adam: Adam,
    random: Random,
    /// The canvas, 0 to 1, and the view of it that the network was shown last.
    latest: Option<(Vec<f32>, View)>,
}

impl Fourier {
    pub(crate) fn new(frame: &Frame<'_>, rate: f32, mut random: Random) -> Self {
        let size = (frame.width, frame.height);
        let margin = |side: usize| side + 2 * (side / 8);
        let canvas = (margin(size.0), margin(size.1));
        let cells = canvas.0 * canvas.1;
        let count = cells * frame.spec.colour.channels();
        let amplitudes = (0..count).map(|_| Complex32::new(START * random.normal(), START * random.normal())).collect();
        Self {
            size,
            canvas,
            amplitudes,
            weights: weights(canvas),
            forward: Fft2::new(canvas.0, canvas.1, FftDirection::Forward),
            inverse: Fft2::new(canvas.0, canvas.1, FftDirection::Inverse),
            mixing: Mixing::new(frame.spec.colour),
            adam: Adam::new(rate, 2 * count),
            random,
            latest: None,
        }
    }

    /// The canvas, 0 to 1.
    fn render(&self) -> Vec<f32> {
        let mut waves = Vec::with_capacity(self.amplitudes.len());
        for amplitudes in self.amplitudes.chunks_exact(self.weights.len()) {
            let mut grid: Vec<_> = amplitudes.iter().zip(&self.weights).map(|(a, w)| a * w).collect();
            self.inverse.process(&mut grid);
            waves.extend(grid.iter().map(|value| value.re));
        }
        self.mixing.apply(&waves).into_iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()
    }

    /// The gradient with respect to the amplitudes, from that with respect to the canvas.
    fn pull_back(&self, canvas: &[f32], gradient: &[f32]) -> Vec<Complex32> {
        let through_sigmoid: Vec<_> = canvas.iter().zip(gradient).map(|(y, g)| g * y * (1.0 - y)).collect();
        let waves = self.mixing.pull_back(&through_sigmoid);
        let mut result = Vec::with_capacity(self.amplitudes.len());
        for waves in waves.chunks_exact(self.weights.len()) {
            // Re F⁻¹ has the adjoint F, on real numbers (neither is normalised).
            let mut grid: Vec<_> = waves.iter().map(|&value| Complex32::new(value, 0.0)).collect();
            self.forward.process(&mut grid);
            result.extend(grid.iter().zip(&self.weights).map(|(value, weight)| value * weight));
        }
        result
    }

    fn centre(&self) -> Vec<f32> {
        View::centred(self.size, self.canvas).apply(&self.render())
    }
}

impl Subject for Fourier {
    fn view(&mut self) -> Vec<f32> {
        let canvas = self.render();
        let view = View::random(self.size, self.canvas, &mut self.random);
        let seen = view.apply(&canvas).into_iter().map(|value| 255.0 * value).collect();
        self.latest = Some((canvas, view));
        seen
    }

    fn at_rest(&self) -> Option<Vec<f32>> {
        Some(self.centre().into_iter().map(|value| 255.0 * value).collect())
    }

    fn ascend(&mut self, gradient: &[f32]) {
        let Some((canvas, view)) = self.latest.take() else { return };
        let gradient = self.pull_back(&canvas, &view.pull_back(gradient));
        // Adam is blind to the scale of the gradient, but not to one that is not finite.
        if gradient.iter().all(|g| g.re.is_finite() && g.im.is_finite()) {
            let parameters = self.amplitudes.iter_mut().flat_map(|a| [&mut a.re, &mut a.im]);
            self.adam.ascend(parameters, gradient.iter().flat_map(|g| [g.re, g.im]));
        }
    }

    fn picture(&self, frame: &Frame<'_>) -> RgbImage {
        frame.picture(&self.centre())
    }
}

/// 1 / max(|frequency|, 1 / longest side), scaled as Lucid does for a transform without normalisation.
fn weights((width, height): (usize, usize)) -> Vec<f32> {
    let frequency = |at: usize, len: usize| at.min(len - at) as f32 / len as f32;
    let lowest = 1.0 / width.max(height) as f32;
    let scale = CONTRAST / ((width * height) as f32).sqrt();
    (0..width * height)
        .map(|at| scale / frequency(at % width, width).hypot(frequency(at / width, height)).max(lowest))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ⟨∇L, direction⟩ against a central difference of L = Σ cotangent · view, for the whole chain.
    #[test]
    fn gradient_agrees_with_finite_differences() {
        let spec = "bgr mean=1,2,3 scale=0.5,2,1".parse().unwrap();
        let frame = Frame { spec: &spec, width: 24, height: 16 };
        let mut subject = Fourier::new(&frame, 0.05, Random::new(3, 0));
        let mut random = Random::new(4, 0);
        let cotangent: Vec<f32> = (0..frame.len()).map(|_| random.normal()).collect();
        let canvas = subject.render();
        let view = View::random(subject.size, subject.canvas, &mut random);
        let gradient = subject.pull_back(&canvas, &view.pull_back(&cotangent));
        let norm = gradient.iter().map(|g| g.norm_sqr()).sum::<f32>().sqrt();
        let start = subject.amplitudes.clone();
        let step = 0.1;
        let mut loss = |sign: f32| {
            for ((a, start), g) in subject.amplitudes.iter_mut().zip(&start).zip(&gradient) {
                *a = start + g * (sign * step / norm);
            }
            let view = view.apply(&subject.render());
            view.iter().zip(&cotangent).map(|(v, c)| f64::from(v * c)).sum::<f64>()
        };
        let slope = (loss(1.0) - loss(-1.0)) / f64::from(2.0 * step);
        assert!((slope / f64::from(norm) - 1.0).abs() < 1e-3, "{slope} against {norm}");
    }

    #[test]
    fn the_centred_view_is_the_middle_of_the_canvas() {
        let canvas: Vec<f32> = (0..2 * 10 * 6).map(|at| at as f32).collect();
        let view = View::centred((6, 4), (10, 6)).apply(&canvas);
        let expected: Vec<f32> =
            (0..2 * 4 * 6).map(|at| (at / 24 * 60 + (at / 6 % 4 + 1) * 10 + at % 6 + 2) as f32).collect();
        assert_eq!(view, expected);
    }
}
