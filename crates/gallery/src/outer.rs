//! The gallery's own keys, as its header holds them.

use crate::error::GalleryError;
use crate::head::Head;
use crate::key::{Key, Unlock, random};
use crate::seal::{Context, open, seal};
use crate::store::Header;

/// The key that a passphrase or key file gives, and its salt. Deriving it takes a while, in which no other process should
/// wait.
pub(crate) struct Outer {
    key: Key,
    pub(crate) salt: Vec<u8>,
}

impl Outer {
    pub(crate) fn new(unlock: &Unlock) -> Result<Self, GalleryError> {
        let mut salt = vec![0; 16];
        random(&mut salt)?;
        Ok(Self { key: unlock.derive(&salt)?, salt })
    }

    pub(crate) fn header(
        &self,
        created: i64,
        master: &Key,
        log_key: &Key,
        head: &Head,
    ) -> Result<Header, GalleryError> {
        Ok(Header {
            created,
            salt: self.salt.clone(),
            master: seal(&self.key, &master_context(&self.salt), master.bytes())?,
            log_key: seal(master, &log_key_context(), log_key.bytes())?,
            log_head: head.seal(log_key)?,
        })
    }
}

/// The master key and the key of the log.
pub(crate) fn open_header(header: &Header, unlock: &Unlock) -> Result<(Key, Key), GalleryError> {
    let outer = unlock.derive(&header.salt)?;
    let key =
        |key: &Key, context: &Context, sealed: &[u8]| open(key, context, sealed).and_then(|b| Key::from_bytes(&b));
    let master = key(&outer, &master_context(&header.salt), &header.master).ok_or(GalleryError::WrongKey)?;
    let log_key = key(&master, &log_key_context(), &header.log_key)
        .ok_or_else(|| GalleryError::Altered { what: "the key of the log".to_owned() })?;
    Ok((master, log_key))
}

fn master_context(salt: &[u8]) -> Context {
    Context::new("eyebar master key 1").with(salt)
}

fn log_key_context() -> Context {
    Context::new("eyebar log key 1")
}
