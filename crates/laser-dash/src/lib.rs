//! A page that follows runs in the browser.
