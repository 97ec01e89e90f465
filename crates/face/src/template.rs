//! Templates: what remains of a face for comparison.

use std::fmt;
use std::sync::Arc;

use crate::error::FaceError;

/// A normalised embedding together with the model that made it.
///
/// This is biometric data (GDPR, Article 9): `Debug` does not show the values, and nothing in this crate writes them
/// anywhere.
#[derive(Clone, PartialEq)]
pub struct Template {
    values: Vec<f32>,
    model: Arc<str>,
}

impl Template {
    /// Normalises `embedding` to length 1. `model` identifies the network that made it: name and version.
    ///
    /// # Errors
    /// When the embedding is empty, all zero or not finite.
    pub fn new(embedding: &[f32], model: impl Into<Arc<str>>) -> Result<Self, FaceError> {
        let norm = embedding.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        if !(norm.is_finite() && norm > 0.0) {
            let reason = if embedding.is_empty() { "it is empty".to_owned() } else { format!("its length is {norm}") };
            return Err(FaceError::Embedding { reason });
        }
        let values = embedding.iter().map(|&v| (f64::from(v) / norm) as f32).collect();
        Ok(Self { values, model: model.into() })
    }

    /// The mean direction of several templates of one model: of a face and its mirror image, or of several photographs of
    /// one person.
    ///
    /// # Errors
    /// [`FaceError::DifferentModels`]; when there is none, or they cancel out.
    pub fn mean(templates: &[Self]) -> Result<Self, FaceError> {
        let Some(first) = templates.first() else { return Self::new(&[], "") };
        let mut sums = vec![0.0f64; first.values.len()];
        for template in templates {
            first.check_comparable(template)?;
            sums.iter_mut().zip(&template.values).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let sums: Vec<f32> = sums.into_iter().map(|sum| sum as f32).collect();
        Self::new(&sums, Arc::clone(&first.model))
    }

    /// The embedding, of length 1.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The model that made it.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Cosine similarity, −1 to 1: it rises with likeness.
    ///
    /// # Errors
    /// [`FaceError::DifferentModels`].
    pub fn similarity(&self, other: &Self) -> Result<f32, FaceError> {
        self.check_comparable(other)?;
        Ok(cosine(&self.values, &other.values))
    }

    fn check_comparable(&self, other: &Self) -> Result<(), FaceError> {
        if self.model == other.model && self.values.len() == other.values.len() {
            return Ok(());
        }
        let name = |template: &Self| format!("{}, {} values", template.model, template.values.len());
        Err(FaceError::DifferentModels { left: name(self), right: name(other) })
    }
}

/// Cosine of two vectors of length 1 and of one dimension.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    dot.clamp(-1.0, 1.0) as f32
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("model", &self.model)
            .field("values", &format_args!("[{} redacted]", self.values.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn cosine_of_one_model_only() {
        let a = Template::new(&[3.0, 4.0], "m@1").unwrap();
        let b = Template::new(&[-40.0, 30.0], "m@1").unwrap();
        assert_eq!(a.values(), [0.6, 0.8]);
        assert!(a.similarity(&b).unwrap().abs() < 1e-7);
        assert!((a.similarity(&a).unwrap() - 1.0).abs() < 1e-6);
        for other in [Template::new(&[3.0, 4.0], "m@2"), Template::new(&[1.0, 0.0, 0.0], "m@1")] {
            let error = a.similarity(&other.unwrap()).unwrap_err().to_string();
            assert!(error.contains("hint"), "{error}");
        }
    }

    #[test]
    fn the_mean_lies_between() {
        let template = |x, y| Template::new(&[x, y], "m@1").unwrap();
        let mean = Template::mean(&[template(1.0, 0.0), template(0.0, 5.0)]).unwrap();
        assert!((mean.values()[0] - 0.5f32.sqrt()).abs() < 1e-6 && (mean.values()[1] - 0.5f32.sqrt()).abs() < 1e-6);
        assert_eq!(mean.model(), "m@1");
        assert!(Template::mean(&[]).is_err());
        assert!(Template::mean(&[template(1.0, 0.0), template(-1.0, 0.0)]).is_err());
        assert!(Template::mean(&[template(1.0, 0.0), Template::new(&[1.0, 0.0], "m@2").unwrap()]).is_err());
    }

    #[test]
    fn refuses_what_has_no_direction() {
        for broken in [&[][..], &[0.0, 0.0], &[f32::NAN], &[f32::INFINITY]] {
            assert!(Template::new(broken, "m").is_err(), "{broken:?}");
        }
        // Large values must not overflow on the way.
        assert_eq!(Template::new(&[1e30], "m").unwrap().values(), [1.0]);
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Template::new(&[0.12345, 1.0], "sface@1").unwrap());
        assert_eq!(shown, r#"Template { model: "sface@1", values: [2 redacted] }"#);
    }
}
