//! What was seen of photographs, in Parquet files that any engine reads: a run that was interrupted goes on from them, and
//! several machines write them for one audit.
//!
//! They hold embeddings, which are biometric data.

mod cache;
mod columns;
mod scores;
mod sighting;

use std::fs::File;
use std::io::{Error as IoError, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use eyebar_face::Region;
use eyebar_imaging::encode::write_atomic;
use parquet::basic::{Compression, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

pub(super) use cache::{Cache, delete};
pub(super) use scores::write_scores;
pub(super) use sighting::Sighting;

use super::evidence::Evidence;
use super::look::View;
use crate::error::Error;
use crate::matcher::{Extracted, Matcher};
use columns::{Reader, Writer, flag, list, optional_number, optional_text, text};

/// Under which the settings of the embeddings stand in a file.
const SETTINGS: &str = "eyebar.settings";

fn schema() -> Result<TypePtr> {
    let fields = vec![
        text("sha256")?,
        text("subject")?,
        text("photograph")?,
        text("mask")?,
        optional_text("problem")?,
        flag("searched")?,
        flag("detected")?,
        optional_number("ssim")?,
        list("oracle_template", Physical::FLOAT)?,
        list("oracle_pixels", Physical::FLOAT)?,
        list("redetected_template", Physical::FLOAT)?,
        list("redetected_pixels", Physical::FLOAT)?,
        list("features", Physical::FLOAT)?,
        optional_text("reference")?,
        list("occlusion", Physical::DOUBLE)?,
        list("grad_cam", Physical::DOUBLE)?,
        list("area", Physical::DOUBLE)?,
    ];
    Ok(Arc::new(Type::group_type_builder("sightings").with_fields(fields).build()?))
}

/// Writes sightings to one file, which is there whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, settings: &str, sightings: &[Sighting]) -> std::result::Result<(), Error> {
    let failed = |error: ParquetError| Error::Write { path: path.to_path_buf(), source: IoError::other(error) };
    Ok(write_atomic(path, &encode(settings, sightings).map_err(failed)?)?)
}

fn encode(settings: &str, sightings: &[Sighting]) -> Result<Vec<u8>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_created_by(concat!("eyebar ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(SETTINGS.to_owned(), settings.to_owned())]));
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema()?, Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    let mut out = Writer(&mut group);
    let all = || sightings.iter();
    let views = || sightings.iter().map(|sighting| sighting.view.as_deref().ok());
    out.texts(all().map(|sighting| &sighting.sha256[..]))?;
    out.texts(all().map(|sighting| &sighting.subject[..]))?;
    out.texts(all().map(|sighting| &sighting.photograph[..]))?;
    out.texts(all().map(|sighting| &sighting.mask[..]))?;
    out.optional_texts(all().map(|sighting| sighting.view.as_ref().err().map(String::as_str)))?;
    out.flags(views().map(|view| view.is_some_and(|view| view.searched)))?;
    out.flags(views().map(|view| view.is_some_and(|view| view.redetected.is_some())))?;
    out.optional_numbers(views().map(|view| view.and_then(|view| view.ssim)))?;
    out.floats(views().map(|view| some(&view?.oracle.template)))?;
    out.floats(views().map(|view| some(&view?.oracle.pixels)))?;
    out.floats(views().map(|view| some(&view?.redetected.as_ref()?.template)))?;
    out.floats(views().map(|view| some(&view?.redetected.as_ref()?.pixels)))?;
    out.floats(views().map(|view| some(&view?.whole.features)))?;
    out.optional_texts(all().map(|sighting| sighting.reference.as_deref()))?;
    out.doubles(views().map(|view| Some(&view?.evidence.as_ref()?.occlusion[..])))?;
    out.doubles(views().map(|view| Some(&view?.evidence.as_ref()?.grad_cam[..])))?;
    out.doubles(views().map(|view| Some(&view?.evidence.as_ref()?.area[..])))?;
    group.close()?;
    file.close()?;
    Ok(bytes)
}

/// Nothing for what no matcher needed.
fn some(values: &[f32]) -> Option<&[f32]> {
    (!values.is_empty()).then_some(values)
}

/// The settings of a file, and its sightings.
///
/// # Errors
/// When it cannot be read, or was not written by [`write`].
pub(super) fn read(path: &Path) -> std::result::Result<(String, Vec<Sighting>), Error> {
    let open = |source| Error::Read { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(open)?;
    decode(file).map_err(|error| open(IoError::new(ErrorKind::InvalidData, error)))
}

fn decode(file: File) -> Result<(String, Vec<Sighting>)> {
    let file = SerializedFileReader::new(file)?;
    let about = file.metadata().file_metadata();
    let foreign = || ParquetError::General("it was not written by eyebar audit".to_owned());
    if about.schema() != schema()?.as_ref() {
        return Err(foreign());
    }
    let own = about.key_value_metadata().and_then(|all| all.iter().find(|pair| pair.key == SETTINGS));
    let settings = own.and_then(|pair| pair.value.clone()).ok_or_else(foreign)?;
    let mut sightings = Vec::new();
    for group in 0..file.num_row_groups() {
        sightings.extend(rows(&mut Reader::new(&*file.get_row_group(group)?))?);
    }
    Ok((settings, sightings))
}

fn rows(columns: &mut Reader<'_>) -> Result<Vec<Sighting>> {
    let (sha256, subject, photograph) = (columns.texts()?, columns.texts()?, columns.texts()?);
    let (mask, problem) = (columns.texts()?, columns.optional_texts()?);
    let (searched, detected, ssim) = (columns.flags()?, columns.flags()?, columns.optional_numbers()?);
    let mut vectors: Vec<_> = (0..5).map(|_| Ok(columns.floats()?.into_iter())).collect::<Result<Vec<_>>>()?;
    let reference = columns.optional_texts()?;
    let mut shares: Vec<_> = (0..3).map(|_| Ok(columns.doubles()?.into_iter())).collect::<Result<Vec<_>>>()?;
    let short = || ParquetError::General("a column is too short".to_owned());
    let named = sha256.into_iter().zip(subject).zip(photograph).zip(mask).zip(reference);
    let flags = problem.into_iter().zip(searched).zip(detected).zip(ssim);
    let mut sightings = Vec::new();
    for (((((sha256, subject), photograph), mask), reference), (((problem, searched), detected), ssim)) in
        named.zip(flags)
    {
        let mut vector = || -> Result<Vec<Vec<f32>>> {
            vectors.iter_mut().map(|column| Ok(column.next().ok_or_else(short)?.unwrap_or_default())).collect()
        };
        let [oracle_template, oracle_pixels, template, pixels, features] = vector()?.try_into().map_err(|_| short())?;
        let found: Vec<Option<Vec<f64>>> =
            shares.iter_mut().map(|column| column.next().ok_or_else(short)).collect::<Result<_>>()?;
        let evidence = match &found[..] {
            [Some(occlusion), Some(grad_cam), Some(area)] => {
                Some(Evidence { occlusion: occlusion.clone(), grad_cam: grad_cam.clone(), area: area.clone() })
            }
            _ => None,
        };
        let seen = |template, pixels| Extracted { template, features: Vec::new(), pixels };
        if [&oracle_template, &template].iter().any(|own| !own.is_empty() && own.len() != Matcher::Sface.values())
            || [&oracle_pixels, &pixels].iter().any(|own| !own.is_empty() && own.len() != Matcher::Pixels.values())
            || !(features.is_empty() || features.len() == Matcher::Vgg16.values())
            || found.iter().flatten().any(|own| !own.is_empty() && own.len() != Region::ALL.len())
            || found[2].as_ref().is_some_and(Vec::is_empty)
        {
            return Err(ParquetError::General("a list is of another length".to_owned()));
        }
        let view = match problem {
            Some(problem) => Err(problem),
            None => Ok(Arc::new(View {
                whole: Extracted { features, ..Extracted::default() },
                oracle: seen(oracle_template, oracle_pixels),
                redetected: detected.then(|| seen(template, pixels)),
                searched,
                ssim,
                evidence,
            })),
        };
        sightings.push(Sighting { sha256, subject, photograph, mask, reference, view });
    }
    Ok(sightings)
}

#[cfg(test)]
mod tests {
    use super::{Arc, Evidence, Extracted, Sighting, View, read, write};

    fn sighting(name: &str, view: Result<View, String>) -> Sighting {
        Sighting {
            sha256: format!("hash of {name}"),
            subject: "Zoë".to_owned(),
            photograph: format!("{name}.jpg"),
            mask: "eye-bar".to_owned(),
            reference: (name == "b").then(|| "other".to_owned()),
            view: view.map(Arc::new),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let ramp = |length: usize| (0..length).map(|at| at as f32 * f32::MIN_POSITIVE).collect::<Vec<f32>>();
        let extracted = |values: &[f32]| Extracted { template: values.to_vec(), ..Extracted::default() };
        let a = View {
            whole: Extracted { features: ramp(25_088), ..Extracted::default() },
            oracle: Extracted { template: ramp(128), features: Vec::new(), pixels: ramp(56 * 56) },
            redetected: None,
            searched: true,
            ssim: Some(0.1 + 0.2),
            evidence: None,
        };
        let b = View {
            redetected: Some(extracted(&ramp(128))),
            ssim: None,
            evidence: Some(Evidence { occlusion: Vec::new(), grad_cam: vec![0.25; 8], area: vec![0.125; 8] }),
            ..a.clone()
        };
        let all = [sighting("a", Ok(a)), sighting("b", Ok(b)), sighting("c", Err("no face".to_owned()))];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        write(&path, "{}", &all).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(read(&path).unwrap(), ("{}".to_owned(), all.to_vec()));
        write(&path, "{}", &all).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the same bytes each time");

        // Not one byte of a damaged file brings the program down.
        for at in (0..bytes.len()).step_by(bytes.len() / 500) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            std::fs::write(&path, &damaged).unwrap();
            let _ = read(&path);
        }
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("hint:"));
        let short = View { oracle: extracted(&[1.0]), ..View::default() };
        write(&path, "{}", &[sighting("d", Ok(short))]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("another length"));
    }
}
