//! Adam.

/// Ascent with step sizes of their own (Kingma and Ba 2015, *Adam: A Method for Stochastic Optimization*; β₁ 0.9,
/// β₂ 0.999, ε 10⁻⁸).
pub(crate) struct Adam {
    rate: f32,
    step: i32,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Adam {
    pub(crate) fn new(rate: f32, parameters: usize) -> Self {
        Self { rate, step: 0, first: vec![0.0; parameters], second: vec![0.0; parameters] }
    }

    /// Moves the parameters uphill.
    pub(crate) fn ascend<'a>(
        &mut self,
        parameters: impl Iterator<Item = &'a mut f32>,
        gradient: impl Iterator<Item = f32>,
    ) {
        const DECAY: [f32; 2] = [0.9, 0.999];
        self.step += 1;
        let [first, second] = DECAY.map(|decay| 1.0 - decay.powi(self.step));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (m, v)) in parameters.zip(gradient).zip(moments) {
            *m = DECAY[0] * *m + (1.0 - DECAY[0]) * gradient;
            *v = DECAY[1] * *v + (1.0 - DECAY[1]) * gradient * gradient;
            *parameter += self.rate * (*m / first) / ((*v / second).sqrt() + 1e-8);
        }
    }
}
