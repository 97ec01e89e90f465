//! Between pixels in planes, 0 to 255 in the network's channel order, and what the network is fed.

use eyebar_imaging::input::Colour;
use eyebar_imaging::{InputSpec, Rgb, RgbImage};

pub(crate) struct Frame<'a> {
    pub(crate) spec: &'a InputSpec,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Frame<'_> {
    /// Numbers in a picture.
    pub(crate) fn len(&self) -> usize {
        self.spec.colour.channels() * self.width * self.height
    }

    /// (p − mean) · scale, laid out for the network.
    pub(crate) fn feed(&self, planes: &[f32], out: &mut [f32]) {
        for (index, out) in out.iter_mut().enumerate() {
            let (channel, at) = self.place(index);
            *out = (planes[at] - self.spec.mean[channel]) * self.spec.scale[channel];
        }
    }

    /// The gradient with respect to the planes, from that with respect to what the network is fed.
    pub(crate) fn pull_back(&self, gradient: &[f32]) -> Vec<f32> {
        let mut planes = vec![0.0; self.len()];
        for (index, gradient) in gradient.iter().enumerate() {
            let (channel, at) = self.place(index);
            planes[at] = gradient * self.spec.scale[channel];
        }
        planes
    }

    /// The picture of planes of values between 0 and 1, and beyond, which is cut off.
    pub(crate) fn picture(&self, planes: &[f32]) -> RgbImage {
        let cells = self.width * self.height;
        let order = match self.spec.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
            Colour::Grey => [0; 3],
        };
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let at = y as usize * self.width + x as usize;
            Rgb(order.map(|channel| (planes[channel * cells + at].clamp(0.0, 1.0) * 255.0).round() as u8))
        })
    }

    /// Channel, and index into the planes, of a flat index into the network's input.
    fn place(&self, index: usize) -> (usize, usize) {
        let (channel, row, column) = self.spec.place(index, self.width, self.height);
        (channel, (channel * self.height + row) * self.width + column)
    }
}
