//! Which gallery, and what opens it.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use etcetera::BaseStrategy;
use eyebar::Error;
use eyebar_gallery::{Created, Gallery, GalleryError, Location, Unlock};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use zeroize::Zeroizing;

use crate::output::warn;

/// Where the passphrase of the gallery may stand.
const PASSPHRASE: &str = "EYEBAR_PASSPHRASE";
/// Where that of another gallery may stand, which is made, or read from.
pub(crate) const OTHER_PASSPHRASE: &str = "EYEBAR_NEW_PASSPHRASE";

/// Largest key file that is read.
const LARGEST_KEY_FILE: u64 = 1 << 20;

/// Where the password of a database server may stand, and the file of the certificates that are trusted there.
const SERVER_PASSWORD: &str = "PGPASSWORD";
const SERVER_CERTIFICATES: &str = "PGSSLROOTCERT";

/// The gallery, and its key.
#[derive(Debug, Args)]
pub(crate) struct GalleryArgs {
    /// The gallery: a file, or postgres://USER@HOST/DATABASE with the password in $PGPASSWORD [default: $EYEBAR_GALLERY, or
    /// eyebar/gallery.db among the user's data]
    #[arg(long, value_name = "FILE|URL", env = "EYEBAR_GALLERY", hide_env_values = true, value_parser = place())]
    pub(crate) gallery: Option<Place>,
    /// A file of at least 32 random bytes that opens the gallery, instead of a passphrase; a new gallery gets a new one
    /// where there is none [default: a passphrase, from $EYEBAR_PASSPHRASE or the terminal]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Where the passphrase may stand.
    #[arg(skip = PASSPHRASE)]
    pub(crate) passphrase: &'static str,
}

/// A file or address as it was typed. It may hold a password, so it is never shown.
#[derive(Clone)]
pub(crate) struct Place(PathBuf);

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Place {
    /// Where that is.
    pub(crate) fn location(&self) -> Result<Location, Error> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Ok(match Location::parse(&self.0)? {
            Location::Server(mut address) => {
                if let Some(password) = variable(SERVER_PASSWORD).and_then(|password| password.into_string().ok()) {
                    *address = address.or_password(&password);
                }
                if let Some(file) = variable(SERVER_CERTIFICATES) {
                    *address = address.or_root_certificates(file.into());
                }
                Location::Server(address)
            }
            file => file,
        })
    }
}

/// Takes anything: an error of the parser would show it.
pub(crate) fn place() -> impl TypedValueParser<Value = Place> {
    PathBufValueParser::new().map(Place)
}

impl GalleryArgs {
    /// The file or server.
    pub(crate) fn location(&self) -> Result<Location, Error> {
        if let Some(place) = &self.gallery {
            return place.location();
        }
        let folders = etcetera::choose_base_strategy().map_err(|_| {
            Error::Usage("no home folder is known; hint: name the gallery's file with --gallery".to_owned())
        })?;
        Ok(folders.data_dir().join("eyebar").join("gallery.db").into())
    }

    /// Opens a gallery that is there.
    pub(crate) fn open(&self) -> Result<Gallery, Error> {
        let location = self.location()?;
        // Before a passphrase is asked for.
        let there = match &location {
            Location::File(path) => path.exists(),
            Location::Server(_) => Gallery::exists(&location)?,
        };
        if !there {
            return Err(GalleryError::Missing { place: location.to_string() }.into());
        }
        self.unlock(&location)
    }

    fn unlock(&self, location: &Location) -> Result<Gallery, Error> {
        let unlock = match &self.key_file {
            Some(file) => read_key(file)?,
            None => passphrase(self.passphrase, &format!("Passphrase of {location}: "))?,
        };
        Ok(Gallery::open(location, &unlock)?)
    }

    /// Opens a gallery, or makes one.
    pub(crate) fn open_or_create(&self) -> Result<Gallery, Error> {
        let location = self.location()?;
        if Gallery::exists(&location)? {
            return self.unlock(&location);
        }
        let prompt = format!("Passphrase for the new gallery {location}: ");
        let unlock = new_unlock(self.key_file.as_deref(), PASSPHRASE, &prompt)?;
        let (gallery, created) = Gallery::open_or_create(&location, &unlock, now())?;
        if created == Created::New {
            warn(&format!("made the gallery {location}; without its passphrase or key file nobody can read it again"));
        }
        Ok(gallery)
    }
}

/// What opens a gallery that is to be made: a key file, which is made where there is none, or a passphrase, asked for
/// twice.
///
/// # Errors
/// When it cannot be read or made, or there is nobody to ask.
pub(crate) fn new_unlock(key_file: Option<&Path>, variable: &str, prompt: &str) -> Result<Unlock, Error> {
    let Some(file) = key_file else {
        let unlock = passphrase(variable, prompt)?;
        if std::env::var_os(variable).is_none()
            && let Unlock::Passphrase(phrase) = &unlock
        {
            let again = ask(variable, "The same again: ")?;
            if again != *phrase {
                return Err(Error::Usage("the two passphrases differ; hint: try again".to_owned()));
            }
        }
        return Ok(unlock);
    };
    if !file.exists() {
        make_key(file)?;
        warn(&format!("made the key file {}; keep it apart from the gallery, and keep a copy", file.display()));
    }
    read_key(file)
}

fn passphrase(variable: &str, prompt: &str) -> Result<Unlock, Error> {
    if let Some(phrase) = std::env::var_os(variable) {
        let phrase =
            phrase.into_string().map_err(|_| Error::Usage(format!("{variable} is not UTF-8; hint: use letters")))?;
        return Ok(Unlock::Passphrase(Zeroizing::new(phrase)));
    }
    ask(variable, prompt).map(Unlock::Passphrase)
}

fn ask(variable: &str, prompt: &str) -> Result<Zeroizing<String>, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "the gallery needs a passphrase, and there is no terminal to ask at; hint: set {variable}, or use a key file"
        )));
    }
    let phrase =
        rpassword::prompt_password(prompt).map_err(|source| Error::Read { path: "the terminal".into(), source })?;
    Ok(Zeroizing::new(phrase))
}

fn read_key(path: &Path) -> Result<Unlock, Error> {
    let read = |source| Error::Read { path: path.to_path_buf(), source };
    let file = std::fs::File::open(path).map_err(read)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LARGEST_KEY_FILE).read_to_end(&mut bytes).map_err(read)?;
    Ok(Unlock::KeyFile(bytes))
}

fn make_key(path: &Path) -> Result<(), Error> {
    let write = |source| Error::Write { path: path.to_path_buf(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut key = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *key).map_err(GalleryError::Randomness)?;
    // Whole from the first moment on, and readable for its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
    std::io::Write::write_all(&mut file, &*key).and_then(|()| file.as_file().sync_all()).map_err(write)?;
    match file.persist_noclobber(path) {
        // Another process was faster: its key is as good.
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(write(error.error)),
        _ => Ok(()),
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// A time for people, in UTC.
pub(crate) fn date_and_time(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "–".to_owned(),
    }
}

/// The last day before a time that is the end of one.
pub(crate) fn last_day(seconds: i64) -> String {
    match Timestamp::from_second(seconds - 1) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => "–".to_owned(),
    }
}

/// The end of a day `YYYY-MM-DD` in UTC.
pub(crate) fn end_of_day(text: &str) -> Result<i64, String> {
    let day: Option<Date> = text.parse().ok();
    let end = day.and_then(|day| day.tomorrow().ok()).and_then(|next| next.to_zoned(TimeZone::UTC).ok());
    end.map(|end| end.timestamp().as_second()).ok_or_else(|| "hint: write a day as 2027-12-31".to_owned())
}

/// A false match rate.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate < 1.0);
    rate.ok_or_else(|| "hint: give a share between 0 and 1, such as 1e-4".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{date_and_time, end_of_day, last_day, rate};

    #[test]
    fn days_end_at_midnight() {
        let end = end_of_day("2027-12-31").unwrap();
        assert_eq!(date_and_time(end), "2028-01-01 00:00:00");
        assert_eq!(last_day(end), "2027-12-31");
        for bad in ["", "tomorrow", "2027-02-30", "31.12.2027"] {
            assert!(end_of_day(bad).is_err(), "{bad}");
        }
        assert_eq!(date_and_time(i64::MAX), "–");
    }

    #[test]
    fn rates_are_shares() {
        assert_eq!(rate("1e-4"), Ok(1e-4));
        for bad in ["0", "1", "-0.1", "nan", "inf", "x"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
