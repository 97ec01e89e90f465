//! Shifted, scaled and turned views of a canvas, and their adjoint.

use super::random::Random;

/// Largest shift, in pixels at a side of 128, of Olah et al.'s two rounds together.
const SHIFT: f32 = 12.0 / 128.0;
const SCALE: f32 = 0.1;
const TURN: f32 = 10.0;

/// Where each pixel of a view of `width` × `height` comes from on a canvas of `canvas_width` × `canvas_height`:
/// four neighbours and their weights (bilinear; what lies outside is the nearest pixel inside).
pub(crate) struct View {
    taps: Vec<[(u32, f32); 4]>,
    canvas: usize,
}

impl View {
    /// The middle of the canvas, as it is.
    pub(crate) fn centred(size: (usize, usize), canvas: (usize, usize)) -> Self {
        Self::new(size, canvas, (1.0, 0.0), (0.0, 0.0))
    }

    /// A random view about the middle.
    pub(crate) fn random(size: (usize, usize), canvas: (usize, usize), random: &mut Random) -> Self {
        let shift = |side: usize, random: &mut Random| random.uniform(-1.0, 1.0) * SHIFT * side as f32;
        let scale = 1.0 + random.uniform(-SCALE, SCALE);
        let (sin, cos) = random.uniform(-TURN, TURN).to_radians().sin_cos();
        let shift = (shift(size.0, random), shift(size.1, random));
        Self::new(size, canvas, (cos / scale, sin / scale), shift)
    }

    fn new(size: (usize, usize), canvas: (usize, usize), (cos, sin): (f32, f32), shift: (f32, f32)) -> Self {
        let middle = |side: usize| (side as f32 - 1.0) / 2.0;
        let mut taps = Vec::with_capacity(size.0 * size.1);
        for y in 0..size.1 {
            for x in 0..size.0 {
                let (dx, dy) = (x as f32 - middle(size.0), y as f32 - middle(size.1));
                let column = neighbours(cos * dx - sin * dy + middle(canvas.0) + shift.0, canvas.0);
                let row = neighbours(sin * dx + cos * dy + middle(canvas.1) + shift.1, canvas.1);
                let tap = |(y, wy): (usize, f32), (x, wx): (usize, f32)| ((y * canvas.0 + x) as u32, wy * wx);
                taps.push([
                    tap(row[0], column[0]),
                    tap(row[0], column[1]),
                    tap(row[1], column[0]),
                    tap(row[1], column[1]),
                ]);
            }
        }
        Self { taps, canvas: canvas.0 * canvas.1 }
    }

    /// What the view shows of the canvas, plane by plane.
    pub(crate) fn apply(&self, canvas: &[f32]) -> Vec<f32> {
        let planes = canvas.chunks_exact(self.canvas);
        let sample = |plane: &[f32], taps: &[(u32, f32); 4]| taps.iter().map(|&(at, w)| w * plane[at as usize]).sum();
        planes.flat_map(|plane| self.taps.iter().map(move |taps| sample(plane, taps))).collect()
    }

    /// The adjoint of [`View::apply`].
    pub(crate) fn pull_back(&self, view: &[f32]) -> Vec<f32> {
        let count = view.len() / self.taps.len();
        let mut canvas = vec![0.0; count * self.canvas];
        for (plane, view) in canvas.chunks_exact_mut(self.canvas).zip(view.chunks_exact(self.taps.len())) {
            for (taps, &value) in self.taps.iter().zip(view) {
                taps.iter().for_each(|&(at, weight)| plane[at as usize] += weight * value);
            }
        }
        canvas
    }
}

/// The two neighbours of a position and their weights.
fn neighbours(at: f32, len: usize) -> [(usize, f32); 2] {
    let at = at.clamp(0.0, len as f32 - 1.0);
    let low = at.floor() as usize;
    let part = at - low as f32;
    [(low, 1.0 - part), ((low + 1).min(len - 1), part)]
}
