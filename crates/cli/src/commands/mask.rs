//! `eyebar mask`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyebar::tasks::mask::{Place, file_part, mask};
use eyebar::{Error, Faces};
use eyebar_face::{Mask, MaskOptions};
use eyebar_imaging::encode;
use eyebar_report::Table;

use crate::options::Global;
use crate::output::show;
use crate::paths;

/// Mask the faces of a photograph; metadata is never written again
#[derive(Debug, Args)]
#[command(after_help = "\
Masks, placed by landmarks, sizes in units of the distance between the eyes:
  eye-bar  eyes-nose  face  head  (each also larger or smaller: eye-bar:1.5)
  blur:SIGMA  pixelate:CELLS  noise  custom:LEFT,TOP,RIGHT,BOTTOM

Examples:
  eyebar mask me.jpg --mask eye-bar
  eyebar mask group.jpg --mask blur:0.5 --out safe.png
  eyebar mask me.jpg --mask face --colour ffffff

How much a mask really hides is another question: a face recogniser often still knows the person.")]
pub(crate) struct MaskCommand {
    /// A photograph
    image: PathBuf,
    /// What to put over each face
    #[arg(long, default_value = "eye-bar", value_name = "KIND")]
    mask: Mask,
    /// Where it goes
    #[arg(long, value_enum, default_value_t = PlaceArg::Landmarks)]
    place: PlaceArg,
    /// Colour of a bar or box: RRGGBB
    #[arg(long, default_value = "000000", value_parser = parse_colour)]
    colour: [u8; 3],
    /// Masked photograph, PNG or JPEG [default: named after the picture and the mask, in this folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PlaceArg {
    /// On every face that is found, turned with it
    Landmarks,
    /// At the workshop's fixed fractions of the picture
    Fixed,
}

fn parse_colour(text: &str) -> Result<[u8; 3], String> {
    let digits = text.trim_start_matches('#');
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6);
    let [_, red, green, blue] = number.ok_or("hint: write six hexadecimal digits, such as ff0000")?.to_be_bytes();
    Ok([red, green, blue])
}

impl MaskCommand {
    pub(crate) fn run(&self, global: &Global) -> Result<(), Error> {
        let place = match self.place {
            PlaceArg::Landmarks => Place::Landmarks,
            PlaceArg::Fixed => Place::Fixed,
        };
        let stem = self.image.file_stem().map_or_else(|| "masked".into(), |stem| stem.to_string_lossy());
        let out = self.out.clone().unwrap_or_else(|| format!("{stem}-{}.png", file_part(&self.mask)).into());
        paths::check_picture(&out)?;
        paths::check(&[&self.image], &[&out])?;
        let options = MaskOptions { colour: self.colour, seed: global.seed };
        let result = mask(&self.image, self.mask, place, &options, &Faces::new())?;
        encode::save(&out, &result.masked.image)?;
        let mut table = Table::new(format!("{} on {}", result.mask, self.image.display())).text("").number("", "");
        table = table.row(["Faces masked".to_owned(), result.faces.to_string()]);
        table = table.row(["Covered, % of the picture".to_owned(), format!("{:.1}", 100.0 * result.covered)]);
        if let Some(ssim) = result.ssim {
            table = table.row(["SSIM with the original".to_owned(), format!("{ssim:.3}")]);
        }
        if !result.stripped.is_empty() {
            table = table.note(format!("Metadata left out: {}.", result.stripped.join(", ")));
        }
        show(global, &result, &[table], &[out])
    }
}
