//! Authenticated encryption: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), nonce before the ciphertext.
//!
//! Nonces are random: of 192 bits, no two will ever be alike.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::GalleryError;
use crate::key::{Key, random};

const NONCE_BYTES: usize = 24;

/// What a sealed value belongs to: it opens for this alone. Fields are written with their lengths, so that no two lists of
/// fields are the same bytes.
pub(crate) struct Context(Vec<u8>);

impl Context {
    pub(crate) fn new(purpose: &str) -> Self {
        Self(Vec::new()).with(purpose.as_bytes())
    }

    pub(crate) fn with(mut self, field: &[u8]) -> Self {
        self.0.extend_from_slice(&(field.len() as u64).to_le_bytes());
        self.0.extend_from_slice(field);
        self
    }
}

pub(crate) fn seal(key: &Key, context: &Context, plain: &[u8]) -> Result<Vec<u8>, GalleryError> {
    let mut nonce = [0; NONCE_BYTES];
    random(&mut nonce)?;
    let payload = Payload { msg: plain, aad: &context.0 };
    let cipher = XChaCha20Poly1305::new(key.bytes().into());
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).expect("far less than 256 GiB");
    Ok([&nonce[..], &sealed].concat())
}

/// `None` for another key or context, or where a bit was changed.
pub(crate) fn open(key: &Key, context: &Context, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
    let cipher = XChaCha20Poly1305::new(key.bytes().into());
    let payload = Payload { msg: sealed, aad: &context.0 };
    cipher.decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::{Context, open, seal};
    use crate::key::Key;

    fn context(fields: &[&str]) -> Context {
        fields.iter().fold(Context::new("test"), |context, field| context.with(field.as_bytes()))
    }

    #[test]
    fn opens_for_its_key_and_context_alone() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let sealed = seal(&key, &context(&["ab", "c"]), b"plain").unwrap();
        assert_eq!(open(&key, &context(&["ab", "c"]), &sealed).unwrap().as_slice(), b"plain");
        assert!(open(&other, &context(&["ab", "c"]), &sealed).is_none());
        assert!(open(&key, &context(&["a", "bc"]), &sealed).is_none(), "the same letters, divided otherwise");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&key, &context(&["ab", "c"]), &changed).is_none(), "byte {index}");
        }
        assert!(open(&key, &context(&["ab", "c"]), &sealed[..20]).is_none());
        assert_ne!(sealed, seal(&key, &context(&["ab", "c"]), b"plain").unwrap(), "a nonce is used once");
    }

    /// Written by the first version: it must open for ever.
    #[test]
    fn what_the_first_version_sealed_still_opens() {
        let key = Key::from_bytes(&[7; 32]).unwrap();
        let sealed: Vec<u8> =
            (0..FROZEN.len()).step_by(2).map(|at| u8::from_str_radix(&FROZEN[at..at + 2], 16).unwrap()).collect();
        let context = Context::new("eyebar template 1").with(b"subject").with(&5i64.to_le_bytes());
        assert_eq!(open(&key, &context, &sealed).unwrap().as_slice(), b"a template");
    }

    const FROZEN: &str =
        "0926542641f809265fc65387227489c29504286cdb72d56517afa11623ec180f975b39ff82f4959d7c234fb36cbe165641ca";
}
