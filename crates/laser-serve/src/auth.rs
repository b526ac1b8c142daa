//! Who asks.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use laser_openai::ApiError;
use subtle::{Choice, ConstantTimeEq};

/// The API keys that are accepted; without any everybody may ask.
#[derive(Clone, Default)]
pub struct Keys(Vec<String>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} of them)", self.0.len())
    }
}

impl Keys {
    /// From a text with a key on each line; empty lines and those that begin with `#` are left out.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|l| !l.is_empty() && !l.starts_with('#'));
        Keys(keys.map(String::from).collect())
    }

    /// Whether everybody may ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which key a request has; `None` where none is needed.
    ///
    /// # Errors
    /// 401 without a key or with another one.
    fn check(&self, headers: &HeaderMap) -> Result<Option<usize>, ApiError> {
        if self.is_empty() {
            return Ok(None);
        }
        let given = headers.get(header::AUTHORIZATION).map(|v| v.as_bytes());
        let Some(given) = given.and_then(bearer) else {
            return Err(ApiError::unauthorized(
                "no API key; send the header 'Authorization: Bearer KEY'",
            ));
        };
        // All keys are compared, each in a time that depends on its length alone.
        let mut found = None;
        for (i, key) in self.0.iter().enumerate() {
            let same: Choice = key.as_bytes().ct_eq(given);
            if bool::from(same) {
                found = Some(i);
            }
        }
        match found {
            Some(i) => Ok(Some(i)),
            None => Err(ApiError::unauthorized(
                "the API key is not one of this server's",
            )),
        }
    }

    /// The client of a request: its key, or else its address. Clients share the rows equally.
    ///
    /// # Errors
    /// 401 without a key or with another one, where keys are needed.
    pub(crate) fn client(&self, parts: &Parts) -> Result<u64, ApiError> {
        let mut hasher = DefaultHasher::new();
        match self.check(&parts.headers)? {
            Some(key) => key.hash(&mut hasher),
            None => {
                let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
                peer.map(|p| p.0.ip()).hash(&mut hasher);
            }
        }
        Ok(hasher.finish())
    }
}

/// The key of `Bearer KEY`; the scheme is written in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    (scheme.eq_ignore_ascii_case(b"bearer ")).then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(keys: &Keys, header: Option<&str>) -> Result<Option<usize>, u16> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        keys.check(&headers).map_err(|e| e.status)
    }

    #[test]
    fn each_of_several_keys_is_accepted_and_nothing_else() {
        let keys = Keys::read("# of the team\nalpha\n\n  beta  \n");
        assert_eq!(check(&keys, Some("Bearer alpha")), Ok(Some(0)));
        assert_eq!(check(&keys, Some("bearer beta")), Ok(Some(1)));
        for wrong in [
            None,
            Some("Bearer alph"),
            Some("Bearer alphaa"),
            Some("alpha"),
            Some("Basic alpha"),
            Some("Bearer "),
            Some("Bearer # of the team"),
        ] {
            assert_eq!(check(&keys, wrong), Err(401), "{wrong:?}");
        }
        assert_eq!(check(&Keys::default(), None), Ok(None));
        assert_eq!(format!("{keys:?}"), "Keys(2 of them)");
    }
}
