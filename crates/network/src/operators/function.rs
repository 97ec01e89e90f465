//! Scalar functions with their derivatives, as `Unary` applies them to every element.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

use eyebar_tensor::elementwise::{map, zip};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Abs,
    Ceil,
    /// max(min, min(max, x)).
    Clip {
        min: f32,
        max: f32,
    },
    /// x, below zero α (eˣ − 1) (Clevert et al. 2015).
    Elu {
        alpha: f32,
    },
    Erf,
    Exp,
    Floor,
    /// x Φ(x) (Hendrycks and Gimpel 2016).
    Gelu,
    /// The approximation of `Gelu` by a hyperbolic tangent, from the same paper.
    GeluTanh,
    /// α x + β within 0 … 1.
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    /// x · clip(x/6 + ½, 0, 1) (Howard et al. 2019).
    HardSwish,
    LeakyRelu {
        alpha: f32,
    },
    Log,
    Neg,
    Reciprocal,
    Relu,
    Sigmoid,
    /// ln(1 + eˣ).
    Softplus,
    Sqrt,
    Tanh,
}

/// What the derivative is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Input,
    Output,
}

/// √(2/π), and the cubic coefficient of the tangent approximation.
const GELU_SLOPE: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Φ, the distribution function of the normal distribution.
fn normal(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * FRAC_1_SQRT_2)
}

fn gelu_tanh(x: f32) -> f32 {
    (GELU_SLOPE * (x + GELU_CUBE * x * x * x)).tanh()
}

impl Function {
    /// out = f(x).
    pub(super) fn apply(self, x: &[f32], out: &mut [f32]) {
        match self {
            Self::Abs => map(x, out, f32::abs),
            Self::Ceil => map(x, out, f32::ceil),
            // Comparisons keep NaN, and a minimum above the maximum yields the maximum, as in NumPy.
            Self::Clip { min, max } => map(x, out, |x| {
                let raised = if x < min { min } else { x };
                if raised > max { max } else { raised }
            }),
            Self::Elu { alpha } => map(x, out, |x| if x < 0.0 { alpha * x.exp_m1() } else { x }),
            Self::Erf => map(x, out, libm::erff),
            Self::Exp => map(x, out, f32::exp),
            Self::Floor => map(x, out, f32::floor),
            Self::Gelu => map(x, out, |x| x * normal(x)),
            Self::GeluTanh => map(x, out, |x| 0.5 * x * (1.0 + gelu_tanh(x))),
            Self::HardSigmoid { alpha, beta } => map(x, out, |x| (alpha * x + beta).clamp(0.0, 1.0)),
            Self::HardSwish => map(x, out, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
            Self::LeakyRelu { alpha } => map(x, out, |x| if x < 0.0 { alpha * x } else { x }),
            Self::Log => map(x, out, f32::ln),
            Self::Neg => map(x, out, |x| -x),
            Self::Reciprocal => map(x, out, |x| 1.0 / x),
            Self::Relu => map(x, out, |x| if x < 0.0 { 0.0 } else { x }),
            Self::Sigmoid => map(x, out, sigmoid),
            Self::Softplus => map(x, out, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            Self::Sqrt => map(x, out, f32::sqrt),
            Self::Tanh => map(x, out, f32::tanh),
        }
    }

    /// Whether [`Function::differentiate`] wants the input or the output: where there is a choice the output, so that
    /// the input need not be kept.
    pub(super) fn derivative_of(self) -> Seen {
        match self {
            Self::Exp | Self::Reciprocal | Self::Relu | Self::Sigmoid | Self::Sqrt | Self::Tanh => Seen::Output,
            _ => Seen::Input,
        }
    }

    /// dx = dy · f′, with f′ from what [`Function::derivative_of`] names. At a kink as PyTorch has it: 0 for `Relu`
    /// and `Abs`, within both bounds 1 for `Clip`.
    pub(super) fn differentiate(self, dy: &[f32], seen: &[f32], dx: &mut [f32]) {
        let apply = (dy, seen, dx);
        match self {
            Self::Abs => multiply(apply, |x| if x == 0.0 { 0.0 } else { x.signum() }),
            Self::Ceil | Self::Floor => multiply(apply, |_| 0.0),
            Self::Clip { min, max } => select(apply, |x| x >= min && x <= max),
            Self::Elu { alpha } => multiply(apply, |x| if x > 0.0 { 1.0 } else { alpha * x.exp() }),
            Self::Erf => multiply(apply, |x| FRAC_2_SQRT_PI * (-x * x).exp()),
            Self::Exp => multiply(apply, |y| y),
            Self::Gelu => multiply(apply, |x| {
                let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
                normal(x) + x * density
            }),
            Self::GeluTanh => multiply(apply, |x| {
                let tanh = gelu_tanh(x);
                let slope = GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * x * x);
                0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * slope
            }),
            Self::HardSigmoid { alpha, beta } => multiply(apply, |x| {
                let line = alpha * x + beta;
                if line > 0.0 && line < 1.0 { alpha } else { 0.0 }
            }),
            Self::HardSwish => multiply(apply, |x| {
                if x < -3.0 {
                    0.0
                } else if x <= 3.0 {
                    x / 3.0 + 0.5
                } else {
                    1.0
                }
            }),
            Self::LeakyRelu { alpha } => multiply(apply, |x| if x > 0.0 { 1.0 } else { alpha }),
            Self::Log => multiply(apply, |x| 1.0 / x),
            Self::Neg => multiply(apply, |_| -1.0),
            Self::Reciprocal => multiply(apply, |y| -y * y),
            Self::Relu => select(apply, |y| y > 0.0),
            Self::Sigmoid => multiply(apply, |y| y * (1.0 - y)),
            Self::Softplus => multiply(apply, sigmoid),
            Self::Sqrt => multiply(apply, |y| 0.5 / y),
            Self::Tanh => multiply(apply, |y| 1.0 - y * y),
        }
    }
}

type Slices<'a> = (&'a [f32], &'a [f32], &'a mut [f32]);

fn multiply((dy, seen, dx): Slices<'_>, derivative: impl Fn(f32) -> f32 + Sync) {
    zip(dy, seen, dx, |dy, seen| dy * derivative(seen));
}

fn select((dy, seen, dx): Slices<'_>, passes: impl Fn(f32) -> bool + Sync) {
    zip(dy, seen, dx, |dy, seen| if passes(seen) { dy } else { 0.0 });
}
