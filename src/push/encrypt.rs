//! Messages that only the device can read: RFC 8291, in one record of RFC 8188 (`aes128gcm`).

use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Salt},
    rand::{SecureRandom, SystemRandom},
};

/// The size of the one record, which a push service must take.
const RECORD: u32 = 4096;
/// The longest text that fits: the head and the cipher's tag take the rest.
pub(super) const MAX_BYTES: usize = 3993;
/// The length of a public key: a point of P-256, uncompressed.
const POINT: usize = 65;
/// The length of what a device shares with us.
const SHARED: usize = 16;

/// How messages are encrypted for one device.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    key: [u8; POINT],
    auth: [u8; SHARED],
}

impl Recipient {
    /// Reads the two keys of a subscription; none if they have not the right length and form.
    pub(super) fn read(key: &[u8], auth: &[u8]) -> Option<Self> {
        let (key, auth): ([u8; POINT], _) = (key.try_into().ok()?, auth.try_into().ok()?);
        (key[0] == 4).then_some(Self { key, auth })
    }

    /// Encrypts a text of at most [`MAX_BYTES`].
    ///
    /// # Errors
    /// The device's key is no point of the curve, the text is too long, or the system has no random numbers.
    pub(super) fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        let mut salt = [0; 16];
        random.fill(&mut salt)?;
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
        let public = own.compute_public_key()?;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, self.key);
        agree_ephemeral(own, &theirs, |secret| {
            self.seal(text, secret, public.as_ref(), &salt)
        })?
    }

    fn seal(
        &self,
        text: &[u8],
        secret: &[u8],
        public: &[u8],
        salt: &[u8; 16],
    ) -> Result<Vec<u8>, Unspecified> {
        if text.len() > MAX_BYTES {
            return Err(Unspecified);
        }
        let (key, nonce) = self.keys(secret, public, salt)?;
        let mut sealed = text.to_vec();
        // Marks the end of the last record; nothing pads it.
        sealed.push(2);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)?;
        let length = u8::try_from(public.len()).map_err(|_| Unspecified)?;
        let head = [salt, &RECORD.to_be_bytes()[..], &[length], public].concat();
        Ok([head, sealed].concat())
    }

    /// The key and the nonce of a message's one record.
    fn keys(
        &self,
        secret: &[u8],
        public: &[u8],
        salt: &[u8; 16],
    ) -> Result<([u8; 16], [u8; 12]), Unspecified> {
        let info = [b"WebPush: info\0", &self.key[..], public].concat();
        let input: [u8; 32] = derive(&self.auth, secret, &info)?;
        Ok((
            derive(salt, &input, b"Content-Encoding: aes128gcm\0")?,
            derive(salt, &input, b"Content-Encoding: nonce\0")?,
        ))
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; N], Unspecified> {
    let mut key = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Length(N))?
        .fill(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64.decode(text).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_comes_out_byte_for_byte() {
        let recipient = Recipient::read(
            &bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        )
        .unwrap();
        let public =
            bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let secret = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = recipient
            .seal(
                b"When I grow up, I want to be a watermelon",
                &secret,
                &public,
                &salt,
            )
            .unwrap();
        let wanted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w\
                      EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64.encode(sealed), wanted);
    }

    #[test]
    fn no_two_messages_are_alike_and_none_is_over_the_limit() {
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let recipient = Recipient::read(own.compute_public_key().unwrap().as_ref(), &[7; 16]).unwrap();
        let longest = recipient.encrypt(&[b'x'; MAX_BYTES]).unwrap();
        assert_eq!(longest.len(), RECORD as usize);
        assert_ne!(recipient.encrypt(b"a").unwrap(), recipient.encrypt(b"a").unwrap());
        assert!(recipient.encrypt(&[b'x'; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert!(Recipient::read(&[4; 64], &[0; 16]).is_none());
        assert!(Recipient::read(&[3; 65], &[0; 16]).is_none());
        assert!(Recipient::read(&[4; 65], &[0; 15]).is_none());
        // Of the right form, and not on the curve.
        assert!(
            Recipient::read(&[4; 65], &[0; 16])
                .unwrap()
                .encrypt(b"a")
                .is_err()
        );
    }
}
