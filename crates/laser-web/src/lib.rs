//! What the HTTP services share: listening, limits of who may ask, headers, shutdown.
