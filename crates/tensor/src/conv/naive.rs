//! Convolution as the definition has it: the reference for the fast ones. Sums in f64.

use super::Conv2d;

/// Convolution of a batch. `input` is `[N, C, H, W]`, `weights` is `[O, C/groups, kH, kW]`, `bias` is `[O]`.
pub fn conv(conv: &Conv2d, input: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut out = Vec::new();
    for image in input.chunks_exact(conv.input_len()) {
        for filter in 0..conv.filters {
            let group = filter / conv.group_filters();
            for y in 0..conv.output.0 {
                for x in 0..conv.output.1 {
                    let mut sum = f64::from(bias.map_or(0.0, |bias| bias[filter]));
                    for channel in 0..conv.group_channels() {
                        for ky in 0..conv.kernel.0 {
                            for kx in 0..conv.kernel.1 {
                                let row = conv.input_row(y, ky);
                                let column = (x * conv.stride.1 + kx * conv.dilation.1).checked_sub(conv.pad.1);
                                if let (Some(row), Some(column)) = (row, column.filter(|&c| c < conv.input.1)) {
                                    let plane = group * conv.group_channels() + channel;
                                    let value = image[(plane * conv.input.0 + row) * conv.input.1 + column];
                                    let tap = (filter * conv.group_channels() + channel) * conv.kernel.0 + ky;
                                    sum += f64::from(value) * f64::from(weights[tap * conv.kernel.1 + kx]);
                                }
                            }
                        }
                    }
                    out.push(sum as f32);
                }
            }
        }
    }
    out
}

/// Transposed convolution of a batch: the gradient of [`conv`] with respect to its input.
///
/// `conv` describes the forward convolution; `input` is `[N, filters, output]`, the result `[N, channels, input]`.
pub fn conv_transpose(conv: &Conv2d, input: &[f32], weights: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let mut result = Vec::new();
    for image in input.chunks_exact(conv.output_len()) {
        let plane = conv.input.0 * conv.input.1;
        let mut out = vec![0.0f64; conv.input_len()];
        for (index, value) in out.iter_mut().enumerate() {
            *value = f64::from(bias.map_or(0.0, |bias| bias[index / plane]));
        }
        for filter in 0..conv.filters {
            let group = filter / conv.group_filters();
            for y in 0..conv.output.0 {
                for x in 0..conv.output.1 {
                    let value = f64::from(image[(filter * conv.output.0 + y) * conv.output.1 + x]);
                    for channel in 0..conv.group_channels() {
                        for ky in 0..conv.kernel.0 {
                            for kx in 0..conv.kernel.1 {
                                let row = conv.input_row(y, ky);
                                let column = (x * conv.stride.1 + kx * conv.dilation.1).checked_sub(conv.pad.1);
                                if let (Some(row), Some(column)) = (row, column.filter(|&c| c < conv.input.1)) {
                                    let to = group * conv.group_channels() + channel;
                                    let tap = (filter * conv.group_channels() + channel) * conv.kernel.0 + ky;
                                    out[to * plane + row * conv.input.1 + column] +=
                                        value * f64::from(weights[tap * conv.kernel.1 + kx]);
                                }
                            }
                        }
                    }
                }
            }
        }
        result.extend(out.into_iter().map(|value| value as f32));
    }
    result
}
