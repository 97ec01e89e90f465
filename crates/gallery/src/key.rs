//! Keys, and what unlocks them.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::GalleryError;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// Argon2id's memory in KiB, passes and lanes: RFC 9106's second choice (64 MiB, 3 passes), with one lane.
const ARGON2: (u32, u32, u32) = (64 << 10, 3, 1);

/// Fewest characters of a passphrase, and bytes of a key file.
const SHORTEST_PASSPHRASE: usize = 8;
const SHORTEST_KEY_FILE: usize = 32;

/// 256 bits that are wiped from memory when they are no longer needed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Key([u8; KEY_BYTES]);

impl Key {
    pub(crate) fn random() -> Result<Self, GalleryError> {
        let mut bytes = [0; KEY_BYTES];
        random(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Fills `bytes` from the system's own source.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), GalleryError> {
    getrandom::fill(bytes).map_err(GalleryError::Randomness)
}

/// What opens a gallery.
pub enum Unlock {
    /// A passphrase, at least 8 characters.
    Passphrase(Zeroizing<String>),
    /// The bytes of a key file, at least 32, which must be random.
    KeyFile(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passphrase(_) => f.write_str("Passphrase([redacted])"),
            Self::KeyFile(_) => f.write_str("KeyFile([redacted])"),
        }
    }
}

impl Unlock {
    /// Refuses what could be guessed.
    pub(crate) fn check_strength(&self) -> Result<(), GalleryError> {
        match self {
            Self::Passphrase(phrase) if phrase.chars().count() < SHORTEST_PASSPHRASE => Err(GalleryError::WeakKey {
                reason: "the passphrase has fewer than 8 characters",
                remedy: "take several words that nobody would guess",
            }),
            Self::KeyFile(bytes) if bytes.len() < SHORTEST_KEY_FILE => Err(GalleryError::WeakKey {
                reason: "the key file has fewer than 32 bytes",
                remedy: "make one with `head -c 32 /dev/urandom > gallery.key`",
            }),
            _ => Ok(()),
        }
    }

    /// The key that the gallery's master key is sealed with.
    pub(crate) fn derive(&self, salt: &[u8]) -> Result<Key, GalleryError> {
        let mut key = [0; KEY_BYTES];
        match self {
            Self::Passphrase(phrase) => {
                let (memory, passes, lanes) = ARGON2;
                let parameters =
                    Params::new(memory, passes, lanes, Some(KEY_BYTES)).map_err(GalleryError::Derivation)?;
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
                let mut memory = vec![Block::default(); argon2.params().block_count()];
                let derived = argon2.hash_password_into_with_memory(phrase.as_bytes(), salt, &mut key, &mut memory);
                memory.zeroize();
                derived.map_err(GalleryError::Derivation)?;
            }
            // Random already: nobody could try all of them.
            Self::KeyFile(bytes) => key = mac(bytes, &[b"eyebar gallery key file", salt]),
        }
        let derived = Key(key);
        key.zeroize();
        Ok(derived)
    }
}

/// HMAC-SHA-256 of parts that cannot run into one another.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::{Key, Unlock};

    #[test]
    fn nothing_is_shown() {
        let unlock = Unlock::Passphrase(Zeroizing::new("correct horse".to_owned()));
        assert_eq!(format!("{unlock:?} {:?}", Key::random().unwrap()), "Passphrase([redacted]) [redacted]");
    }

    #[test]
    fn keys_depend_on_secret_and_salt() {
        let phrase = |text: &str| Unlock::Passphrase(Zeroizing::new(text.to_owned()));
        let file = |byte: u8| Unlock::KeyFile(Zeroizing::new(vec![byte; 32]));
        let derive = |unlock: &Unlock, salt: &[u8]| *unlock.derive(salt).unwrap().bytes();
        let key = derive(&phrase("correct horse"), b"salt of 16 bytes");
        assert_eq!(key, derive(&phrase("correct horse"), b"salt of 16 bytes"));
        assert_ne!(key, derive(&phrase("correct horsf"), b"salt of 16 bytes"));
        assert_ne!(key, derive(&phrase("correct horse"), b"salt of 16 bytfs"));
        assert_ne!(derive(&file(1), b"salt"), derive(&file(2), b"salt"));
    }

    #[test]
    fn short_secrets_are_refused() {
        assert!(Unlock::Passphrase(Zeroizing::new("1234567".to_owned())).check_strength().is_err());
        assert!(Unlock::KeyFile(Zeroizing::new(vec![0; 31])).check_strength().is_err());
        assert!(Unlock::Passphrase(Zeroizing::new("äöüäöüäö".to_owned())).check_strength().is_ok());
    }
}
